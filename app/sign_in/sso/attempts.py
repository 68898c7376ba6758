"""Rate limits of third-party sign-in: begun logins per client IP, failed ones per provider and client IP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.core.errors import Refusal, Unavailable
from app.core.settings import Limit
from app.database.engine import Database
from app.sign_in.completing import expired
from app.sign_in.sso.rules import Provider
from app.throttling import repository as limits
from app.throttling.rules import Bucket, over_all_accounts, provider_bucket, request_bucket
from app.throttling.use_cases import count_attempt

_BEGUN = Limit("600/600")
_FAILURES = Limit("100/600")
_NOT_VERIFIED = {Unavailable.default_code, expired().code}
_BECAUSE = "Too many sign-ins by this provider have failed from this address."


@asynccontextmanager
async def counted_attempt(
    database: Database, context: RequestContext, provider: Provider
) -> AsyncIterator[Bucket]:
    """Count one failure before the block verifies the provider's token; raises `TooMany`.

    Counting first bounds how many of a thousand simultaneous requests are verified. On success the block calls
    `undo_count` in its own transaction. The count is also undone if nothing was verified: if the provider was
    unavailable, or the browser had no login of its own (any web page can send it here).
    """
    bucket = provider_bucket(provider_id=provider.id, ip=context.ip, failures=_FAILURES)
    await count_attempt(database, context, [bucket], because=_BECAUSE)
    try:
        yield bucket
    except Refusal as refusal:
        if refusal.code in _NOT_VERIFIED:
            async with database.begin() as tx:
                await undo_count(tx, context, bucket)
        raise


async def undo_count(tx: AsyncConnection, context: RequestContext, bucket: Bucket) -> None:
    """Undo the failure that `counted_attempt` counted."""
    await limits.refund(tx, context.account_id, [bucket], now=context.now)


async def count_begun(database: Database, context: RequestContext) -> None:
    """Count a login or a nonce that an anonymous client begins; raises `TooMany`."""
    begun = request_bucket(ip=context.ip, requests=_BEGUN)
    because = "Too many sign-ins were begun from this address."
    await count_attempt(database, context, [begun, over_all_accounts(begun)], because=because)
