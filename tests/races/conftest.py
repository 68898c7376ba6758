"""Two instances of the service, and a crowd at their doors."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.core.settings import Settings
from tests.support.arrange import Place
from tests.support.clock import TurnableClock
from tests.support.instances import Crowd, Instance, crowd_of, running_instances


@pytest.fixture(scope="session")
def instances(settings: Settings, the_clock: TurnableClock) -> Iterator[list[Instance]]:
    with running_instances(settings, the_clock) as started:
        yield started


@pytest.fixture
async def crowd(instances: list[Instance], place: Place) -> AsyncIterator[Crowd]:
    async with crowd_of(instances, place.account.slug) as crowd:
        yield crowd
