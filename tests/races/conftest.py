"""Two instances of the service, and a client that sends requests to both."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.core.settings import Settings
from tests.support.account.arrange import Tenant
from tests.support.account.clock import TurnableClock
from tests.support.programs.instances import Crowd, Instance, crowd_of, running_instances


@pytest.fixture(scope="session")
def instances(settings: Settings, the_clock: TurnableClock) -> Iterator[list[Instance]]:
    with running_instances(settings, the_clock) as started:
        yield started


@pytest.fixture
async def crowd(instances: list[Instance], tenant: Tenant) -> AsyncIterator[Crowd]:
    async with crowd_of(instances, tenant.account.slug) as crowd:
        yield crowd
