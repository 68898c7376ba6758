"""A real Postgres for the tests: the embedded one, or the one that `PASSGATE_TEST_DATABASE_URL` names."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate


@contextmanager
def migrated_database(data_dir: Path) -> Iterator[str]:
    """Yield the URL of a database with the newest tables in it."""
    given = os.environ.get("PASSGATE_TEST_DATABASE_URL")
    if given:
        asyncio.run(migrate(given))
        yield given
        return
    postgres = EmbeddedPostgres(data_dir)
    url = postgres.start()
    try:
        asyncio.run(migrate(url))
        yield url
    finally:
        postgres.stop()


@asynccontextmanager
async def empty_database(beside: str) -> AsyncIterator[str]:
    """Yield the URL of a database with nothing in it, on the server of the one at the URL `beside`."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(dsn=beside, timeout=5)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield urlsplit(beside)._replace(path=f"/{name}").geturl()
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
