"""The way to Postgres for a job that takes longer than any request may: a connection of its own, and time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from app.database.engine import make_engine, transaction

CONNECT_SECONDS = 5

# Longer than any job takes, and yet no transaction of a worker whose machine is gone stays open for ever.
_SERVER_SETTINGS = {
    "application_name": "passgate job",
    "timezone": "UTC",
    "statement_timeout": "1h",
    "lock_timeout": "1min",
    "idle_in_transaction_session_timeout": "1h",
    "tcp_keepalives_idle": "60",
}


@asynccontextmanager
async def begin_long(
    url: str, *, isolation: Literal["READ COMMITTED", "REPEATABLE READ"] = "READ COMMITTED"
) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that commits when the block ends, rolls back when it raises, and may take its time."""
    engine = make_engine(url, seconds=CONNECT_SECONDS, settings=_SERVER_SETTINGS, poolclass=NullPool)
    async with transaction(engine, isolation=isolation) as tx:
        yield tx
