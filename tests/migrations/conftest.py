"""Empty databases, beside that of the other tests."""

import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest


@pytest.fixture
async def empty_url(database_url: str) -> AsyncIterator[str]:
    """The URL of a database of the test's own, with nothing in it."""
    name = f"migrations_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(dsn=database_url, timeout=5)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield urlsplit(database_url)._replace(path=f"/{name}").geturl()
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
