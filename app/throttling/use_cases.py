"""Counting a password attempt before it is judged, and taking it back when the password was right."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.core.errors import ReachedLimit, TooMany, Unavailable
from app.database.engine import Database
from app.database.ids import OF_THE_SERVICE
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
    ours, shared = _apart(buckets)
    async with database.begin() as tx:
        filled = await repository.fill(tx, context.account_id, ours, now=context.now)
        if filled == len(ours) and shared:  # the last one to be locked, and until this short transaction ends
            filled += await repository.fill(tx, OF_THE_SERVICE, shared, now=context.now)
        if filled < len(buckets):
            # Those not asked yet may be fuller still, and the time told must be true for all.
            waits = [(unfilled, await _wait(tx, context, unfilled)) for unfilled in [*ours, *shared][filled:]]
            raise _too_many(because, waits)


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
            for account_id, part in zip((context.account_id, OF_THE_SERVICE), _apart(buckets), strict=True):
                await repository.take_back(tx, account_id, part, now=context.now)
        raise


def _apart(buckets: list[Bucket]) -> tuple[list[Bucket], list[Bucket]]:
    """Return the buckets of the account, and those over all accounts: no statement has rows of two accounts."""
    ours = [bucket for bucket in buckets if not bucket.all_accounts]
    return ours, [bucket for bucket in buckets if bucket.all_accounts]


def _too_many(because: str, waits: list[tuple[Bucket, timedelta]]) -> TooMany:
    """Return the refusal by the first bucket, which is full, and by those behind it that are full as well."""
    reached = []
    for number, (bucket, wait) in enumerate(waits):
        seconds = math.ceil(wait.total_seconds())
        if seconds > 0 or number == 0:
            reached.append(ReachedLimit(bucket.name, max(1, seconds), bucket.limit.failures, bucket.limit.seconds))
    return TooMany(because, retry_after=max(limit.retry_after for limit in reached), limits=reached)


async def _wait(tx: AsyncConnection, context: RequestContext, bucket: Bucket) -> timedelta:
    """Return how long it takes until one more failure fits in; not more than zero when it does now."""
    account_id = OF_THE_SERVICE if bucket.all_accounts else context.account_id
    empty_at = await repository.empty_at(tx, account_id, bucket, now=context.now)
    return empty_at + bucket.cost - bucket.period - context.now


async def take_password_attempt_back(tx: AsyncConnection, context: RequestContext, buckets: list[Bucket]) -> None:
    """Take the attempt back, since the password was right; and forget all failures of this user-and-address.

    Over all accounts it stays counted until `give_address_back`, which follows the transaction.
    """
    ours, _ = _apart(buckets)
    await repository.take_back(tx, context.account_id, ours, now=context.now, clears_first=True)


async def give_address_back(database: Database, context: RequestContext, buckets: list[Bucket]) -> None:
    """Take the attempt back over all accounts too, once the transaction of a right password has committed.

    By a statement of its own: many accounts share this row, and none waits for the transaction of another. When
    the database does not answer, the attempt stays counted; the password was right all the same.
    """
    _, shared = _apart(buckets)
    with suppress(Unavailable):
        async with database.single_statement() as tx:
            await repository.take_back(tx, OF_THE_SERVICE, shared, now=context.now)
