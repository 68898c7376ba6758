"""What the tests of the worker begin with."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app import worker
from app.services import Services
from tests.support.account.services import with_changes
from tests.support.observe.jobs import empty_queue
from tests.support.programs.mail import RunningServer, mail_server


@pytest.fixture
def post_office() -> Iterator[RunningServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
async def at_work(services: Services, post_office: RunningServer, tmp_path: Path) -> AsyncIterator[Services]:
    """Services whose letters go to the post office, and a queue with nothing in it."""
    await empty_queue(services)
    yield with_changes(services, mail_url=post_office.url(), data_dir=tmp_path)
    await empty_queue(services)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The tasks that the worker knows, for a test to add its own."""
    known: list[object] = list(worker.TASKS)
    monkeypatch.setattr(worker, "TASKS", known)
    return known
