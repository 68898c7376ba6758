"""The job queue, read from its table, and real running workers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.services import Services
from app.worker import PERIODIC, Pace, run_worker
from tests.support.account.arrange import Tenant
from tests.support.observe.sql import run_sql

QUICK = Pace(poll=0.05, first_pause=0.05, heartbeat=0.3, dead_after=2, reconnect=0.2)


@dataclass(frozen=True)
class Waiting:
    """A job in the queue."""

    id: int
    task: str
    queue: str
    status: str
    attempts: int
    arguments: dict[str, Any]

    @property
    def as_text(self) -> str:
        return json.dumps(self.arguments)


async def jobs(services: Services) -> list[Waiting]:
    """Return every job in the queue, in any state, oldest first, without the periodic ones."""
    statement = (
        "SELECT id, task_name, queue_name, status::text, attempts, args FROM procrastinate_jobs ORDER BY id"
    )
    of_the_clock = {task.__name__ for task in PERIODIC}
    async with services.database.read() as tx:
        found = [Waiting(*row) for row in await tx.execute(text(statement))]
    return [job for job in found if job.task not in of_the_clock]


async def letters(tenant: Tenant) -> list[dict[str, Any]]:
    """Remove the account's queued e-mails from the queue, and return them, oldest first."""
    statement = """
        DELETE FROM procrastinate_jobs
        WHERE task_name = 'send_letter' AND args->>'account_id' = CAST(CAST(:account AS uuid) AS text)
        RETURNING id, args
    """
    return [row.args for row in sorted(await run_sql(tenant, statement))]


async def empty_queue(services: Services) -> None:
    """Delete all jobs of earlier tests."""
    async with services.database.begin() as tx:
        await tx.execute(text("TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers"))


@asynccontextmanager
async def working(services: Services, pace: Pace = QUICK) -> AsyncIterator[None]:
    """Run a worker while the block runs."""
    stop = asyncio.Event()
    work = asyncio.create_task(run_worker(services, stop, pace))
    try:
        yield
    finally:
        stop.set()
        await work


async def eventually(is_so: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    """Wait until `is_so` returns something truthy, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := await is_so()):
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.05)
    return answer


async def all_done(services: Services, seconds: float = 30) -> None:
    """Wait until no job is waiting or running."""

    async def is_empty() -> bool:
        return not [job for job in await jobs(services) if job.status in {"todo", "doing"}]

    await eventually(is_empty, seconds)
