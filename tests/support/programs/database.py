"""A real Postgres for the tests: embedded, or from `PASSGATE_TEST_POSTGRES_BIN`."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate

PROGRAMS = "PASSGATE_TEST_POSTGRES_BIN"
"""The environment variable with the `bin` directory of another Postgres, 15 to 18."""


def start(postgres: EmbeddedPostgres) -> str:
    """Start Postgres from `PASSGATE_TEST_POSTGRES_BIN`, or the embedded one; return its URL."""
    with pytest.MonkeyPatch.context() as patch:
        if directory := os.environ.get(PROGRAMS):
            patch.setattr("app.database.embedded.programs.Programs._installed", lambda _: iter([Path(directory)]))
        return postgres.start()


@contextmanager
def migrated_database(data_dir: Path) -> Iterator[str]:
    """Yield the URL of a database with the current schema."""
    postgres = EmbeddedPostgres(data_dir)
    url = start(postgres)
    try:
        asyncio.run(migrate(url))
        yield url
    finally:
        postgres.stop()


@asynccontextmanager
async def empty_database(beside: str) -> AsyncIterator[str]:
    """Yield the URL of an empty database on the same server as the database at `beside`."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(dsn=beside, timeout=5)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield urlsplit(beside)._replace(path=f"/{name}").geturl()
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
