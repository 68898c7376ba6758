"""The schema revision that this release needs, and the current revision of a database.

Without Alembic, so that no worker process loads its 8 MB.
"""

import re
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

MIGRATIONS = Path(__file__).parent.parent.parent / "migrations"

_REVISION = re.compile(r'^revision = "([0-9]{12})"$', re.MULTILINE)


def needed_revision() -> str:
    """Return the newest revision of this release. A revision id is the minute of its creation."""
    files = (MIGRATIONS / "versions").glob("*.py")
    found = [match for file in files if (match := _REVISION.search(file.read_text()))]
    return max(match[1] for match in found)


async def current_revision(connection: AsyncConnection) -> str | None:
    """Return the database's revision, or None if it was never migrated."""
    if await connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
