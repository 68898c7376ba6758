"""Empty databases, beside that of the other tests."""

from collections.abc import AsyncIterator

import pytest

from tests.support.programs.database import empty_database


@pytest.fixture
async def empty_url(database_url: str) -> AsyncIterator[str]:
    """The URL of a database of the test's own, with nothing in it."""
    async with empty_database(database_url) as url:
        yield url
