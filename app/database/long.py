"""Long transactions for jobs, on a separate connection with longer timeouts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from app.database.engine import make_engine, transaction

CONNECT_SECONDS = 5

# Longer than any job takes, but if a worker's machine disappears, its transaction does not stay open for ever.
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
    """Open a long transaction that commits when the block ends and rolls back when it raises."""
    engine = make_engine(url, seconds=CONNECT_SECONDS, settings=_SERVER_SETTINGS, poolclass=NullPool)
    async with transaction(engine, isolation=isolation) as tx:
        yield tx
