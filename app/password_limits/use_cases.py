"""Counting a password attempt before it is judged, and taking it back when the password was right."""

import math

from sqlalchemy.ext.asyncio import AsyncConnection

from app.callers import Visitor
from app.database.engine import Database
from app.errors import TooMany
from app.password_limits import repository
from app.password_limits.rules import Bucket


async def count_password_attempt(database: Database, visitor: Visitor, buckets: list[Bucket]) -> None:
    """Count one failure in every bucket, or none of them: raises `TooMany` when one is full.

    Always in the same order of buckets, so that attempts at once do not deadlock. Committed before the password
    is looked at: of a hundred sent together no more are judged than the limit allows.
    """
    async with database.begin() as tx:
        for bucket in buckets:
            if not await repository.fill(tx, visitor.account_id, bucket, now=visitor.now):
                empty_at = await repository.empty_at(tx, visitor.account_id, bucket) or visitor.now
                wait = empty_at + bucket.cost - bucket.period - visitor.now
                raise TooMany(
                    "Too many passwords were wrong.", retry_after=max(1, math.ceil(wait.total_seconds()))
                )


async def take_password_attempt_back(tx: AsyncConnection, visitor: Visitor, buckets: list[Bucket]) -> None:
    """Take the attempt back, since the password was right; and forget all failures of this user-and-address."""
    pair, *others = buckets
    await repository.clear(tx, visitor.account_id, pair)
    for bucket in others:
        await repository.take_back(tx, visitor.account_id, bucket)
