"""Create, find and revoke API tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.rules import ACTIVE, email_key
from app.audit.repository import deny, record, record_act
from app.audit.rules import Actor, Event, EventType
from app.core.callers import ADMINS, Caller, RequestContext, Role
from app.core.errors import Forbidden, NotFound, Refusal, invalid_field
from app.core.ids import new_id
from app.credentials.api_tokens import repository
from app.credentials.api_tokens.repository import TokenOwner
from app.credentials.api_tokens.rules import PREFIX, USED_AGAIN_AFTER, ApiToken, Scope
from app.crypto.digests import digest, is_secret, new_secret
from app.database.engine import Database
from app.idempotency.rules import StoredAnswer
from app.idempotency.use_cases import KeyedRequest, lock_key, take_answer
from app.second_factor.authority import lock_caller, lock_caller_and_user
from app.second_factor.settings.use_cases import lock_own_factors


async def make_token(
    tx: AsyncConnection,
    caller: Caller,
    *,
    description: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None,
    request: KeyedRequest | None,
) -> tuple[ApiToken, str] | StoredAnswer:
    """Create a token of the caller; return it with the secret, or the answer to the same request.

    Whether it can sign in admins depends on the caller's current role. Raises `Forbidden`, `InvalidRequest`, and
    what `lock_own_factors`, `lock_key` and `take_answer` raise.
    """
    await lock_key(tx, request)
    if expires_at is not None and expires_at <= caller.now:
        raise invalid_field("/expires_at", "out_of_range", "A token ends in the future.")
    caller = await lock_caller(tx, caller)
    await lock_own_factors(tx, caller)
    if answer := await take_answer(tx, request):
        return answer
    token = ApiToken(
        id=new_id(caller.now),
        user_id=caller.user_id,
        description=description,
        scopes=scopes,
        created_at=caller.now,
        expires_at=expires_at,
        last_used_at=None,
        signs_in_admins=caller.role is Role.OWNER,
    )
    secret = new_secret(PREFIX)
    await repository.add_token(tx, caller.account_id, token, digest(secret))
    details = {"description": description, "scopes": sorted(scopes)}
    await record_act(tx, caller, Event(EventType.API_TOKEN_CREATED, "api_token", token.id, details))
    return token, secret


async def find_token(tx: AsyncConnection, context: RequestContext, email: str, secret: str) -> TokenOwner | None:
    """Return the token if it has not expired, and its user is an active admin with this e-mail.

    Only the owner and admins have tokens: a token becomes invalid when its user's status or role changes.
    """
    if not is_secret(secret, PREFIX):
        return None
    owner = await repository.find_by_digest(tx, context.account_id, digest(secret))
    if owner is None or owner.token.is_over(context.now) or owner.user.role not in ADMINS:
        return None
    if owner.user.status != ACTIVE or email_key(owner.user.email) != email_key(email):
        return None
    return owner


async def touch(database: Database, context: RequestContext, owner: TokenOwner) -> None:
    """Record the use of the token: at most once a minute, and in the audit log once a day."""
    last = owner.token.last_used_at
    if last is not None and context.now - last < USED_AGAIN_AFTER:
        return
    async with database.begin() as tx:
        noted = await repository.touch(tx, context.account_id, owner.token, now=context.now)
        if noted and owner.token.is_first_use_of_day(context.now):
            used = Event(EventType.API_TOKEN_USED, "api_token", owner.token.id)
            await record(tx, context, Actor(owner.user.id, "api_token"), used)


async def revoke_token(tx: AsyncConnection, caller: Caller, token_id: UUID) -> Refusal | None:
    """Revoke a token of the account; raises `NotFound`.

    Returns a refusal if it is the owner's token and the caller is not the owner.
    """
    maker_id = await repository.find_maker(tx, caller.account_id, token_id)
    if maker_id is None:
        raise NotFound
    caller, maker = await lock_caller_and_user(tx, caller, maker_id)
    if maker.role is Role.OWNER and caller.role is not Role.OWNER:
        return await deny(
            tx, caller, "api_token", token_id, Forbidden("Only the owner may do this for the owner.")
        )
    if not await repository.delete_token(tx, caller.account_id, token_id):
        raise NotFound
    await record_act(tx, caller, Event(EventType.API_TOKEN_REVOKED, "api_token", token_id))
    return None
