"""How many sign-ins may fail at a provider, for each address: what is limited is judging, and what it records."""

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
from app.throttling.rules import Bucket, provider_bucket
from app.throttling.use_cases import count_password_attempt

_FAILURES = Limit("100/600")
_NOTHING_JUDGED = {Unavailable.default_code, expired().code}
_BECAUSE = "Too many sign-ins by this provider have failed from this address."


@asynccontextmanager
async def counted_attempt(
    database: Database, context: RequestContext, provider: Provider
) -> AsyncIterator[Bucket]:
    """Count one failure before the block, which judges what the provider is said to have signed.

    The block takes it back (`take_back`) in the transaction in which somebody signs in: of a thousand sent
    together no more are judged than the limit allows. Raises `TooMany`. Where nothing was judged, nothing counts:
    of `Unavailable`, and of a browser that comes back from no login of its own, as any page can have it do.
    """
    bucket = provider_bucket(provider_id=provider.id, ip=context.ip, failures=_FAILURES)
    await count_password_attempt(database, context, [bucket], because=_BECAUSE)
    try:
        yield bucket
    except Refusal as refusal:
        if refusal.code in _NOTHING_JUDGED:
            async with database.begin() as tx:
                await take_back(tx, context, bucket)
        raise


async def take_back(tx: AsyncConnection, context: RequestContext, bucket: Bucket) -> None:
    """Take the failure back that `counted_attempt` has counted: it was none."""
    await limits.take_back(tx, context.account_id, [bucket], now=context.now)
