"""The buckets in the database, as the generic cell rate algorithm: one statement decides and counts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.base import Moment
from app.database.tables import password_limits
from app.password_limits.rules import Bucket


def _is(account_id: UUID, bucket: Bucket) -> tuple[ColumnElement[bool], ...]:
    return (
        password_limits.c.account_id == account_id,
        password_limits.c.limit == bucket.name,
        password_limits.c.key == bucket.key,
    )


async def fill(tx: AsyncConnection, account_id: UUID, bucket: Bucket, *, now: datetime) -> bool:
    """Put one failure into the bucket; False when it is full, and then nothing changes."""
    stands_at, present = password_limits.c.empty_at, literal(now, Moment)
    is_believed = stands_at <= literal(now + bucket.fullest, Moment)
    filled = case((is_believed, func.greatest(stands_at, present)), else_=present) + bucket.cost
    query = (
        insert(password_limits)
        .values(account_id=account_id, limit=bucket.name, key=bucket.key, empty_at=now + bucket.cost)
        .on_conflict_do_update(
            index_elements=[password_limits.c.account_id, password_limits.c.limit, password_limits.c.key],
            set_={"empty_at": filled},
            where=filled <= literal(now + bucket.period, Moment),
        )
        .returning(password_limits.c.empty_at)
    )
    return await tx.scalar(query) is not None


async def empty_at(tx: AsyncConnection, account_id: UUID, bucket: Bucket, *, now: datetime) -> datetime:
    """Return when the bucket will be, or was, empty."""
    found: datetime | None = await tx.scalar(select(password_limits.c.empty_at).where(*_is(account_id, bucket)))
    return now if found is None or found > now + bucket.fullest else found


async def take_back(tx: AsyncConnection, account_id: UUID, bucket: Bucket, *, now: datetime) -> None:
    """Take one failure out of the bucket again; an empty one goes, so that it says nothing to a clock set back."""
    emptier = password_limits.c.empty_at - bucket.cost
    this = _is(account_id, bucket)
    gone = await tx.execute(delete(password_limits).where(*this, emptier <= literal(now, Moment)))
    if not gone.rowcount:
        await tx.execute(update(password_limits).where(*this).values(empty_at=emptier))


async def clear(tx: AsyncConnection, account_id: UUID, bucket: Bucket) -> None:
    """Empty the bucket."""
    await tx.execute(delete(password_limits).where(*_is(account_id, bucket)))
