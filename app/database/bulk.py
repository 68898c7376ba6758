"""A transaction that takes as long as it takes: for the command line's bulk work, on a connection of its own."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from app.core.errors import Unavailable
from app.database.engine import driver, make_engine, transaction

_CONNECT_SECONDS = 10
_SETTINGS = {
    "application_name": "passgate bulk",
    "timezone": "UTC",
    "statement_timeout": "30min",
    "lock_timeout": "10s",  # whoever serves requests holds a lock much shorter than that
}
_LOST = (ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


@asynccontextmanager
async def bulk_transaction(url: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that commits when the block ends and rolls back when it raises.

    Raises `Unavailable` when there is no connection, or none any more; then nothing was done, unless it was lost
    in the very moment of the commit.
    """
    engine = make_engine(url, seconds=_CONNECT_SECONDS, settings=_SETTINGS, poolclass=NullPool)
    try:
        async with transaction(engine) as tx:
            yield tx
    except _LOST as error:
        raise Unavailable("The connection to the database was lost.") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("The connection to the database was lost.") from error
        raise
    finally:
        await engine.dispose()


async def copy_rows(tx: AsyncConnection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Send rows, in the order of the table's columns, as they are made: never all of them in memory."""
    columns = [column.name for column in table.columns]
    await driver(tx).copy_records_to_table(table.name, columns=columns, records=rows)
