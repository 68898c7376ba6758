"""The way to Postgres for a job that takes longer than any request may: a connection of its own, and time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

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

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            dsn=url,
            timeout=CONNECT_SECONDS,
            server_settings=_SERVER_SETTINGS,
            target_session_attrs="read-write",  # of several hosts, the primary
        )

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=NullPool,
        isolation_level=isolation,
        hide_parameters=True,  # an error's text goes to the log
    )
    async with engine.begin() as tx:
        yield tx
