"""The rate limits that are counted over all accounts."""

from sqlalchemy import delete, func, select

from app.core.ids import NIL_ID
from app.database.tables import password_limits
from app.services import Services

_SHARED = password_limits.c.account_id == NIL_ID


async def forget_addresses(services: Services) -> None:
    """Delete the buckets that all accounts, and so all tests, share."""
    async with services.database.begin() as tx:
        await tx.execute(delete(password_limits).where(_SHARED))


async def count_addresses(services: Services) -> int:
    """Return how many addresses have a bucket that all accounts share."""
    async with services.database.read() as tx:
        return await tx.scalar(select(func.count()).select_from(password_limits).where(_SHARED)) or 0
