"""A real Postgres for the tests: the embedded one, or the one that `PASSGATE_TEST_DATABASE_URL` names."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
