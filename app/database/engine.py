"""The way to Postgres: connections, transactions with a deadline, and what a failure of either means."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.errors import Unavailable

CONNECT_SECONDS = 2
POOL_WAIT_SECONDS = 2
TRANSACTION_SECONDS = 2.5
"""The longest that a transaction may take. Giving a frozen connection up takes 2 s more: under 5 s in all."""

_SERVER_SETTINGS = {
    "application_name": "passgate",
    "timezone": "UTC",
    "statement_timeout": "2400",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "10000",
}

# The SQLSTATE classes and codes that say "not now" rather than "not so": connection lost, out of resources, shut
# down or canceled by an operator or a time-out, read only, serialization failure, deadlock, lock not available.
_NOT_NOW = ("08", "53", "57", "25006", "40", "55P03")


class Database:
    """A pool of connections to one database, opened lazily."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        async def connect() -> asyncpg.Connection:
            return await asyncpg.connect(dsn=url, timeout=CONNECT_SECONDS, server_settings=_SERVER_SETTINGS)

        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_use_lifo=True,
            hide_parameters=True,  # an error's text goes to the log
        )
        # Same pool, but each statement stands alone: a lone SELECT then needs no BEGIN and no COMMIT.
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits when the block ends and rolls back when it raises.

        Raises `Unavailable` when the database does not answer in time; then nothing was done.
        """
        async with _in_time(), self._engine.begin() as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection for reading only, each statement seeing the newest committed state."""
        async with _in_time(), self._reading.connect() as tx:
            yield tx

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(TRANSACTION_SECONDS):
            yield
    except (TimeoutError, PoolTimeoutError, OSError) as error:
        raise Unavailable("The database does not answer.") from error
    except asyncpg.PostgresError as error:  # raised bare while connecting
        raise Unavailable("The database does not accept connections.") from error
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or state.startswith(_NOT_NOW):
            raise Unavailable("The database cannot answer at the moment.") from error
        raise
