"""An empty database for each test, next to the shared one."""

from collections.abc import AsyncIterator

import pytest

from tests.support.programs.database import empty_database


@pytest.fixture
async def empty_url(database_url: str) -> AsyncIterator[str]:
    """The URL of an empty database that only this test uses."""
    async with empty_database(database_url) as url:
        yield url
