"""Holding the row lock of a user's second factor, so that a request waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text

from app.database.engine import Database
from app.second_factor import repository
from tests.support.account.arrange import SimulatedUser, Tenant

_PATIENCE_SECONDS = 2  # a request gives up after 2.5

_WAITING = text("""
    WITH RECURSIVE held_up (pid) AS (
        SELECT CAST(:holder AS integer)
        UNION
        SELECT waiting.pid FROM pg_stat_activity AS waiting
        JOIN held_up ON held_up.pid = ANY (pg_blocking_pids(waiting.pid))
    )
    SELECT count(*) - 1 FROM held_up
""")


@dataclass(frozen=True)
class Lock:
    """A lock that the test holds; `holder` is the pid of its Postgres backend."""

    database: Database
    holder: int

    async def until_waiting(self, count: int = 1) -> None:
        """Return as soon as `count` backends wait for the lock, directly or indirectly."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            async with self.database.read() as tx:
                if (await tx.scalar(_WAITING, {"holder": self.holder}) or 0) >= count:
                    return
            assert time.monotonic() < give_up_at, "nobody waits for the lock"
            await asyncio.sleep(0.01)


@asynccontextmanager
async def locked(tenant: Tenant, person: SimulatedUser) -> AsyncIterator[Lock]:
    """Lock the row that every change of the second factor locks first, until the block ends."""
    database = tenant.services.database
    async with database.begin() as tx:
        assert await repository.lock_state(tx, tenant.account.id, person.user.id)
        yield Lock(database, await tx.scalar(text("SELECT pg_backend_pid()")))


async def until_waiting(database: Database, count: int = 1) -> None:
    """Return as soon as `count` statements wait for any lock; `Lock.until_waiting` is stricter."""
    query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        async with database.read() as tx:
            if (await tx.scalar(query) or 0) >= count:
                return
        assert time.monotonic() < give_up_at, "nothing waits for a lock"
        await asyncio.sleep(0.01)


async def failures_of(tenant: Tenant, person: SimulatedUser) -> int:
    """Return how many failures in a row are counted for the person."""
    async with tenant.services.database.read() as tx:
        state = await repository.get_state(tx, tenant.account.id, person.user.id)
    assert state is not None
    return state.failures
