"""Counting a password attempt before it is judged, and taking it back when the password was right."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

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
    because: str = "Too many passwords were wrong.",
) -> None:
    """Count one failure in every bucket, or none of them: raises `TooMany` when one is full.

    Always in the same order of buckets, so that attempts at once do not deadlock. Committed before the password
    is looked at: of a hundred sent together no more are judged than the limit allows.
    """
    async with database.begin() as tx:
        filled = await repository.fill(tx, context.account_id, buckets, now=context.now)
        if filled < len(buckets):
            # Those not asked yet may be fuller still, and the time told must be true for all.
            waits = [await _wait(tx, context, unfilled) for unfilled in buckets[filled:]]
            retry_after = max(1, math.ceil(max(waits).total_seconds()))
            raise TooMany(because, retry_after=retry_after)


@asynccontextmanager
async def counted_password_attempt(
    database: Database, context: RequestContext, buckets: list[Bucket]
) -> AsyncIterator[None]:
    """Count one failure before the block, which judges the password; give it back if that is `Unavailable`.

    Then nothing was judged: the queue of hashes was full. Raises what `count_password_attempt` raises.
    """
    await count_password_attempt(database, context, buckets)
    try:
        yield
    except Unavailable:
        async with database.begin() as tx:
            await repository.take_back(tx, context.account_id, buckets, now=context.now)
        raise


async def _wait(tx: AsyncConnection, context: RequestContext, bucket: Bucket) -> timedelta:
    """Return how long it takes until one more failure fits in; not more than zero when it does now."""
    empty_at = await repository.empty_at(tx, context.account_id, bucket, now=context.now)
    return empty_at + bucket.cost - bucket.period - context.now


async def take_password_attempt_back(tx: AsyncConnection, context: RequestContext, buckets: list[Bucket]) -> None:
    """Take the attempt back, since the password was right; and forget all failures of this user-and-address."""
    await repository.take_back(tx, context.account_id, buckets, now=context.now, clears_first=True)
