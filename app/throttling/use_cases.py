"""Counting a password attempt before it is judged, and taking it back when the password was right."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record
from app.audit.rules import NOBODY, Event, EventType
from app.core.callers import RequestContext
from app.core.errors import TooMany, Unavailable
from app.database.engine import Database
from app.throttling import repository
from app.throttling.rules import Bucket


async def count_password_attempt(
    database: Database,
    context: RequestContext,
    buckets: list[Bucket],
    *,
    user_id: UUID | None = None,
    because: str = "Too many passwords were wrong.",
) -> None:
    """Count one failure in every bucket, or none of them: raises `TooMany` when one is full.

    Always in the same order of buckets, so that attempts at once do not deadlock. Committed before the password
    is looked at: of a hundred sent together no more are judged than the limit allows. A full bucket is recorded
    once in its period, about the user with `user_id`, where that is known.
    """
    try:
        async with database.begin() as tx:
            await _fill(tx, context, buckets)
    except _FullError as full:
        if full.unrecorded:
            await _record_full(database, context, full.unrecorded, user_id)
        raise TooMany(because, retry_after=full.retry_after) from None


class _FullError(Exception):
    """A bucket is full: nothing was counted. `unrecorded` are the full ones that are not in the audit log."""

    def __init__(self, retry_after: int, unrecorded: list[Bucket]) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.unrecorded = unrecorded


async def _fill(tx: AsyncConnection, context: RequestContext, buckets: list[Bucket]) -> None:
    """Count one failure in every bucket; raises `_FullError`, and then the transaction must not commit."""
    filled = await repository.fill(tx, context.account_id, buckets, now=context.now)
    if filled == len(buckets):
        return
    retry_after, unrecorded = 1, []
    # Those not asked yet may be fuller still, and the time told must be true for all.
    for bucket in buckets[filled:]:
        empty_at, is_recorded = await repository.find(tx, context.account_id, bucket, now=context.now)
        wait = empty_at + bucket.cost - bucket.period - context.now
        retry_after = max(retry_after, math.ceil(wait.total_seconds()))
        if wait > timedelta(0) and not is_recorded:
            unrecorded.append(bucket)
    raise _FullError(retry_after, unrecorded)


async def _record_full(
    database: Database, context: RequestContext, buckets: list[Bucket], user_id: UUID | None
) -> None:
    """Record that buckets are full, each once in its period, whoever comes at the same time."""
    kind = "user" if user_id else None
    async with database.begin() as tx:
        for bucket in buckets:
            if await repository.note_recorded(tx, context.account_id, bucket, now=context.now):
                limit = {"failures": bucket.limit.failures, "seconds": bucket.limit.seconds}
                reached = Event(EventType.LIMIT_REACHED, kind, user_id, {"limit": bucket.name} | limit)
                await record(tx, context, NOBODY, reached)


@asynccontextmanager
async def counted_password_attempt(
    database: Database, context: RequestContext, buckets: list[Bucket], *, user_id: UUID | None = None
) -> AsyncIterator[None]:
    """Count one failure before the block, which judges the password; give it back if that is `Unavailable`.

    Then nothing was judged: the queue of hashes was full. Raises what `count_password_attempt` raises.
    """
    await count_password_attempt(database, context, buckets, user_id=user_id)
    try:
        yield
    except Unavailable:
        async with database.begin() as tx:
            await repository.take_back(tx, context.account_id, buckets, now=context.now)
        raise


async def take_password_attempt_back(tx: AsyncConnection, context: RequestContext, buckets: list[Bucket]) -> None:
    """Take the attempt back, since the password was right; and forget all failures of this user-and-address."""
    await repository.take_back(tx, context.account_id, buckets, now=context.now, clears_first=True)
