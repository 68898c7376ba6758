"""The buckets in the database: generic cell rate algorithm in a single statement.

One statement changes all buckets of an attempt. Each CTE refers to the previous one, so Postgres locks the rows in
the order of the list. Two concurrent attempts wait at the first bucket that they share, and never deadlock.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Interval,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.base import Moment, if_returned, param
from app.database.statements import PrecompiledStatement
from app.database.tables import password_limits
from app.throttling.rules import Bucket

_ACCOUNT, _LIMIT, _KEY, _EMPTY_AT_COLUMN = (
    password_limits.c.account_id,
    password_limits.c.limit,
    password_limits.c.key,
    password_limits.c.empty_at,
)
_NOW = bindparam("now", type_=Moment)


def _moment(name: str, number: int) -> BindParameter[Any]:
    return bindparam(f"{name}_{number}", type_=Moment)


def _empty_at_minus_cost(number: int) -> ColumnElement[datetime]:
    return _EMPTY_AT_COLUMN - bindparam(f"cost_{number}", type_=Interval)


def _is_bucket(number: int) -> ColumnElement[bool]:
    limit, key = param(_LIMIT, f"limit_{number}"), param(_KEY, f"key_{number}")
    return and_(param(_ACCOUNT) == _ACCOUNT, limit == _LIMIT, key == _KEY)


@cache
def _fill_sql(count: int) -> PrecompiledStatement:
    after: CTE | None = None
    parts = []
    for number in range(count):
        is_believed = _moment("max_valid_delay", number) >= _EMPTY_AT_COLUMN
        begins = case((is_believed, func.greatest(_EMPTY_AT_COLUMN, _NOW)), else_=_NOW)
        filled = begins + bindparam(f"cost_{number}", type_=Interval)
        row = select(
            param(_ACCOUNT),
            param(_LIMIT, f"limit_{number}"),
            param(_KEY, f"key_{number}"),
            _moment("first", number),
        ).where(if_returned(after))
        after = (
            insert(password_limits)
            .from_select([_ACCOUNT, _LIMIT, _KEY, _EMPTY_AT_COLUMN], row)
            .on_conflict_do_update(
                index_elements=[_ACCOUNT, _LIMIT, _KEY],
                set_={"empty_at": filled},
                where=filled <= _moment("full", number),
            )
            .returning(_KEY)
            .cte(f"filled_{number}")
        )
        parts.append(after)
    return PrecompiledStatement(select(*(exists(select(part)) for part in parts)))


@cache
def _refund_sql(count: int, *, clears_first: bool) -> PrecompiledStatement:
    before: ColumnElement[bool] = true()  # always true, but fixes the order of the row locks
    parts: list[CTE] = []
    for number in range(count):
        clears = clears_first and number == 0
        gone = delete(password_limits).where(
            _is_bucket(number), before, true() if clears else _empty_at_minus_cost(number) <= _NOW
        )
        parts.append(gone.returning(_KEY).cte(f"gone_{number}"))
        before = _rows_of(parts[-1]) >= 0
        if not clears:
            is_left = _rows_of(parts[-1]) == 0
            back = (
                update(password_limits)
                .where(_is_bucket(number), is_left)
                .values(empty_at=_empty_at_minus_cost(number))
            )
            parts.append(back.returning(_KEY).cte(f"back_{number}"))
            before = _rows_of(parts[-1]) >= 0  # this CTE refers to `gone_...`, so the order covers both
    return PrecompiledStatement(select(_rows_of(parts[-1])))


def _rows_of(part: CTE) -> ColumnElement[int]:
    return select(func.count()).select_from(part).scalar_subquery()


_FIND = PrecompiledStatement(select(_EMPTY_AT_COLUMN, password_limits.c.recorded_at).where(_is_bucket(0)))
_RECORDED = PrecompiledStatement(
    update(password_limits)
    .where(
        _is_bucket(0),
        or_(
            password_limits.c.recorded_at.is_(None),
            ~password_limits.c.recorded_at.between(_moment("window", 0), _NOW),
        ),
    )
    .values(recorded_at=_NOW)
    .returning(_KEY)
)


def _bucket_params(account_id: UUID, buckets: Sequence[Bucket], now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"given_account_id": account_id, "now": now}
    for number, bucket in enumerate(buckets):
        values |= {
            f"limit_{number}": bucket.name,
            f"key_{number}": bucket.key,
            f"cost_{number}": bucket.cost,
            f"first_{number}": now + bucket.cost,
            f"full_{number}": now + bucket.period,
            f"max_valid_delay_{number}": now + bucket.max_valid_delay,
            f"window_{number}": now - bucket.period,
        }
    return values


async def fill(tx: AsyncConnection, account_id: UUID, buckets: Sequence[Bucket], *, now: datetime) -> int:
    """Count one failure in each bucket, up to the first full one; return how many counted it.

    If that is not all of them, the transaction must not commit.
    """
    row = await _fill_sql(len(buckets)).row(tx, _bucket_params(account_id, buckets, now))
    return sum(row or ())


async def find(tx: AsyncConnection, account_id: UUID, bucket: Bucket, *, now: datetime) -> tuple[datetime, bool]:
    """Return when the bucket is empty, and whether it was recorded as full within its period."""
    row = await _FIND.row(tx, _bucket_params(account_id, [bucket], now))
    if row is None:
        return now, False
    empty_at, recorded_at = row
    is_recorded = recorded_at is not None and now - bucket.period <= recorded_at <= now
    return (now if empty_at > now + bucket.max_valid_delay else empty_at), is_recorded


async def mark_recorded(tx: AsyncConnection, account_id: UUID, bucket: Bucket, *, now: datetime) -> bool:
    """Mark the bucket as recorded as full; False if another request did so within its period."""
    return await _RECORDED.value(tx, _bucket_params(account_id, [bucket], now)) is not None


async def refund(
    tx: AsyncConnection, account_id: UUID, buckets: Sequence[Bucket], *, now: datetime, clears_first: bool = False
) -> None:
    """Undo one failure in each bucket; with `clears_first`, all failures in the first.

    Runs one statement, or none without buckets. An empty bucket is deleted, so that it has no effect if the clock
    is set back.
    """
    if not buckets:
        return
    statement = _refund_sql(len(buckets), clears_first=clears_first)
    await statement.rows(tx, _bucket_params(account_id, buckets, now))
