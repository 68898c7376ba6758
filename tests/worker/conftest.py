"""Fixtures for the tests of the worker."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app import worker
from app.services import Services
from tests.support.account.services import with_changes
from tests.support.observe.jobs import empty_queue
from tests.support.programs.mail import RunningServer, mail_server


@pytest.fixture
def smtp_server() -> Iterator[RunningServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
async def worker_services(
    services: Services, smtp_server: RunningServer, tmp_path: Path
) -> AsyncIterator[Services]:
    """Services that send letters to the test's mail server, with an empty queue."""
    await empty_queue(services)
    yield with_changes(services, mail_url=smtp_server.url(), data_dir=tmp_path)
    await empty_queue(services)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The worker's list of tasks, to which a test can add its own."""
    known: list[object] = list(worker.TASKS)
    monkeypatch.setattr(worker, "TASKS", known)
    return known
