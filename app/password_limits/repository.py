"""The buckets in the database, as the generic cell rate algorithm: one statement decides and counts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, bindparam, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from app.database.base import Moment, given
from app.database.statements import Statement
from app.database.tables import password_limits
from app.password_limits.rules import Bucket

_THIS = (
    password_limits.c.account_id == given(password_limits.c.account_id),
    password_limits.c.limit == given(password_limits.c.limit),
    password_limits.c.key == given(password_limits.c.key),
)
_NOW = bindparam("now", type_=Moment)
_COST = bindparam("cost", type_=Interval)
_EMPTIER = password_limits.c.empty_at - _COST


def _filling() -> ReturningInsert[datetime]:
    stands_at = password_limits.c.empty_at
    is_believed = stands_at <= bindparam("fullest", type_=Moment)
    filled = case((is_believed, func.greatest(stands_at, _NOW)), else_=_NOW) + _COST
    key = [password_limits.c.account_id, password_limits.c.limit, password_limits.c.key]
    return (
        insert(password_limits)
        .values(
            {column: given(column) for column in key}
            | {password_limits.c.empty_at: bindparam("first", type_=Moment)}
        )
        .on_conflict_do_update(
            index_elements=key,
            set_={"empty_at": filled},
            where=filled <= bindparam("full", type_=Moment),
        )
        .returning(password_limits.c.empty_at)
    )


_FILL = Statement(_filling())
_EMPTY_AT = Statement(select(password_limits.c.empty_at).where(*_THIS))
_CLEAR = delete(password_limits).where(*_THIS)
_DELETE = Statement(_CLEAR)
_DELETE_IF_EMPTY = Statement(_CLEAR.where(_EMPTIER <= _NOW).returning(password_limits.c.key))
_TAKE_BACK = Statement(update(password_limits).where(*_THIS).values(empty_at=_EMPTIER))


def _this(account_id: UUID, bucket: Bucket) -> dict[str, Any]:
    return {"given_account_id": account_id, "given_limit": bucket.name, "given_key": bucket.key}


async def fill(tx: AsyncConnection, account_id: UUID, bucket: Bucket, *, now: datetime) -> bool:
    """Put one failure into the bucket; False when it is full, and then nothing changes."""
    values = _this(account_id, bucket) | {
        "now": now,
        "cost": bucket.cost,
        "first": now + bucket.cost,
        "full": now + bucket.period,
        "fullest": now + bucket.fullest,
    }
    return await _FILL.value(tx, values) is not None


async def empty_at(tx: AsyncConnection, account_id: UUID, bucket: Bucket, *, now: datetime) -> datetime:
    """Return when the bucket will be, or was, empty."""
    found: datetime | None = await _EMPTY_AT.value(tx, _this(account_id, bucket))
    return now if found is None or found > now + bucket.fullest else found


async def take_back(tx: AsyncConnection, account_id: UUID, bucket: Bucket, *, now: datetime) -> None:
    """Take one failure out of the bucket again; an empty one goes, so that it says nothing to a clock set back."""
    values = _this(account_id, bucket) | {"cost": bucket.cost}
    if not await _DELETE_IF_EMPTY.rows(tx, values | {"now": now}):
        await _TAKE_BACK.rows(tx, values)


async def clear(tx: AsyncConnection, account_id: UUID, bucket: Bucket) -> None:
    """Empty the bucket."""
    await _DELETE.rows(tx, _this(account_id, bucket))
