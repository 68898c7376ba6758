"""Long transactions for bulk work of the command line, on a separate connection."""

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
    "lock_timeout": "10s",  # requests hold locks for a much shorter time
}
_LOST = (ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


@asynccontextmanager
async def bulk_transaction(url: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that commits when the block ends and rolls back when it raises.

    Raises `Unavailable` if the database cannot be reached or the connection is lost. Then nothing was written,
    unless the connection was lost during the commit.
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
    """Insert rows with COPY; their values are in the order of the table's columns.

    Rows are sent as `rows` yields them, so they are never all in memory.
    """
    columns = [column.name for column in table.columns]
    await driver(tx).copy_records_to_table(table.name, columns=columns, records=rows)
