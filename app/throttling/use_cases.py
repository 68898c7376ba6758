"""Count a password attempt before the check, and undo the count if the password was right."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record
from app.audit.rules import NOBODY, Event, EventType
from app.core.callers import RequestContext
from app.core.errors import ReachedLimit, TooMany, Unavailable
from app.core.ids import NIL_ID
from app.database.engine import Database
from app.throttling import repository
from app.throttling.rules import Bucket


async def count_attempt(
    database: Database,
    context: RequestContext,
    buckets: list[Bucket],
    *,
    user_id: UUID | None = None,
    because: str = "Too many passwords were wrong.",
) -> None:
    """Count one failure in every bucket, or in none: raises `TooMany` if one is full.

    The order of the buckets is always the same, so that concurrent attempts do not deadlock. The count is
    committed before the password is checked, so concurrent attempts cannot exceed the limit. A full bucket is
    written to the audit log once in its period, with `user_id` as the target if it is known.
    """
    ours, shared = _apart(buckets)
    try:
        async with database.begin() as tx:
            await _fill(tx, context, ours, shared)
    except _FullError as full:
        if unrecorded := [found.bucket for found in full.found if found.is_full and not found.is_recorded]:
            await _record_full(database, context, unrecorded, user_id)
        raise _too_many(because, full.found) from None


@dataclass(frozen=True)
class _Found:
    """A bucket at or after the first full one.

    `wait` is the time until one more failure fits; `is_recorded` says whether the audit log has it.
    """

    bucket: Bucket
    wait: timedelta
    is_recorded: bool

    @property
    def is_full(self) -> bool:
        return self.wait > timedelta(0)


class _FullError(Exception):
    """A bucket is full, and nothing may be counted; `found` has that bucket and the later ones."""

    def __init__(self, found: list[_Found]) -> None:
        super().__init__()
        self.found = found


async def _fill(tx: AsyncConnection, context: RequestContext, ours: list[Bucket], shared: list[Bucket]) -> None:
    """Count one failure in every bucket; if this raises `_FullError`, do not commit."""
    filled = await repository.fill(tx, context.account_id, ours, now=context.now)
    if filled == len(ours) and shared:  # locked last, because all accounts share it
        filled += await repository.fill(tx, NIL_ID, shared, now=context.now)
    # The later buckets may be full for longer, and `retry_after` must be right for all of them.
    if behind := [*ours, *shared][filled:]:
        raise _FullError([await _find(tx, context, bucket) for bucket in behind])


async def _find(tx: AsyncConnection, context: RequestContext, bucket: Bucket) -> _Found:
    empty_at, is_recorded = await repository.find(tx, _account_of(context, bucket), bucket, now=context.now)
    return _Found(bucket, empty_at + bucket.cost - bucket.period - context.now, is_recorded)


def _account_of(context: RequestContext, bucket: Bucket) -> UUID:
    return NIL_ID if bucket.all_accounts else context.account_id


async def _record_full(
    database: Database, context: RequestContext, buckets: list[Bucket], user_id: UUID | None
) -> None:
    """Record that buckets are full: each once in its period, even with concurrent requests."""
    kind = "user" if user_id else None
    async with database.begin() as tx:
        for bucket in buckets:
            if await repository.mark_recorded(tx, _account_of(context, bucket), bucket, now=context.now):
                limit = {"failures": bucket.limit.failures, "seconds": bucket.limit.seconds}
                reached = Event(EventType.LIMIT_REACHED, kind, user_id, {"limit": bucket.name} | limit)
                await record(tx, context, NOBODY, reached)


@asynccontextmanager
async def counted_password_attempt(
    database: Database, context: RequestContext, buckets: list[Bucket], *, user_id: UUID | None = None
) -> AsyncIterator[None]:
    """Count one failure before the block, which checks the password; undo it on `Unavailable`.

    In that case the hash queue was full, and no password was checked. Raises what `count_attempt` raises.
    """
    await count_attempt(database, context, buckets, user_id=user_id)
    try:
        yield
    except Unavailable:
        async with database.begin() as tx:
            for account_id, part in zip((context.account_id, NIL_ID), _apart(buckets), strict=True):
                await repository.refund(tx, account_id, part, now=context.now)
        raise


def _apart(buckets: list[Bucket]) -> tuple[list[Bucket], list[Bucket]]:
    """Split buckets into the account's and the shared ones: a statement has one account id."""
    ours = [bucket for bucket in buckets if not bucket.all_accounts]
    return ours, [bucket for bucket in buckets if bucket.all_accounts]


def _too_many(because: str, found: list[_Found]) -> TooMany:
    """Return the refusal that lists the first bucket, which is full, and the later full ones."""
    reached = [
        ReachedLimit(
            one.bucket.name,
            max(1, math.ceil(one.wait.total_seconds())),
            one.bucket.limit.failures,
            one.bucket.limit.seconds,
        )
        for number, one in enumerate(found)
        if one.is_full or number == 0
    ]
    return TooMany(because, retry_after=max(limit.retry_after for limit in reached), limits=reached)


async def refund_password_attempt(tx: AsyncConnection, context: RequestContext, buckets: list[Bucket]) -> None:
    """Undo the count of the attempt, because the password was right.

    All failures of this user from this IP are cleared. In the buckets over all accounts the attempt stays counted
    until `refund_shared_buckets`, which the caller calls after the transaction.
    """
    ours, _ = _apart(buckets)
    await repository.refund(tx, context.account_id, ours, now=context.now, clears_first=True)


async def refund_shared_buckets(database: Database, context: RequestContext, buckets: list[Bucket]) -> None:
    """Undo the count in the buckets over all accounts, after the sign-in has committed.

    This is a separate statement: all accounts share these rows, so they must not be locked during a longer
    transaction. If the database does not answer, the attempt stays counted, and the sign-in is still valid.
    """
    _, shared = _apart(buckets)
    with suppress(Unavailable):
        async with database.single_statement() as tx:
            await repository.refund(tx, NIL_ID, shared, now=context.now)
