"""Create, find and revoke API tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.rules import ACTIVE, User, email_key
from app.audit.repository import deny, record, record_act
from app.audit.rules import Actor, Event, EventType
from app.core.callers import Caller, RequestContext, Role
from app.core.errors import Conflict, Forbidden, NotFound, Refusal, invalid_field
from app.core.ids import new_id
from app.credentials.api_tokens import repository
from app.credentials.api_tokens.repository import TokenOwner
from app.credentials.api_tokens.rules import PREFIX, USED_AGAIN_AFTER, ApiToken, Scope, may_use_tokens
from app.crypto.digests import digest, is_secret, new_secret
from app.database.engine import Database
from app.idempotency.rules import StoredAnswer
from app.idempotency.use_cases import KeyedRequest, lock_key, take_answer
from app.second_factor.authority import lock_caller, lock_caller_and_user
from app.second_factor.settings.use_cases import lock_own_factors


@dataclass(frozen=True)
class NewToken:
    """The values of a token to create."""

    description: str
    scopes: frozenset[Scope]
    expires_at: datetime | None


async def make_token(
    tx: AsyncConnection, caller: Caller, new: NewToken, request: KeyedRequest | None
) -> tuple[ApiToken, str] | StoredAnswer:
    """Create a token of the caller; return it with the secret, or the answer to the same request.

    Whether it can sign in admins depends on the caller's current role. Raises `Forbidden`, `InvalidRequest`, and
    what `lock_own_factors`, `lock_key` and `take_answer` raise.
    """
    await lock_key(tx, request)
    _check_end(caller, new)
    caller = await lock_caller(tx, caller)
    await lock_own_factors(tx, caller)
    if answer := await take_answer(tx, request):
        return answer
    return await _add_token(tx, caller, new, caller.user_id, signs_in_admins=caller.role is Role.OWNER)


async def make_service_token(
    tx: AsyncConnection, caller: Caller, user_id: UUID, new: NewToken, request: KeyedRequest | None
) -> tuple[ApiToken, str] | StoredAnswer | Refusal:
    """Create a token of a service account; return it with the secret, or the answer to the same request.

    Only the owner may: the token stays valid when its maker's role ends. For the same reason it never signs in
    admins or the owner, or a former owner could sign in as the next one. Raises `NotFound`, `Conflict` if the user
    is a person or suspended, `InvalidRequest`, and what `lock_own_factors`, `lock_key` and `take_answer` raise.
    """
    await lock_key(tx, request)
    _check_end(caller, new)
    caller, user = await lock_caller_and_user(tx, caller, user_id)
    if caller.role is not Role.OWNER:
        only_owner = Forbidden("Only the owner makes tokens for a service account.")
        return await deny(tx, caller, "user", user_id, only_owner)
    await lock_own_factors(tx, caller)
    _check_active_service(user)
    if answer := await take_answer(tx, request):
        return answer
    return await _add_token(tx, caller, new, user.id, signs_in_admins=False)


def _check_end(caller: Caller, new: NewToken) -> None:
    if new.expires_at is not None and new.expires_at <= caller.now:
        raise invalid_field("/expires_at", "out_of_range", "A token ends in the future.")


def _check_active_service(user: User) -> None:
    if not user.is_service:
        raise Conflict("This user is a person. A person makes their own tokens.")
    if user.status != ACTIVE:
        raise Conflict("The service account is suspended.")


async def _add_token(
    tx: AsyncConnection, caller: Caller, new: NewToken, user_id: UUID, *, signs_in_admins: bool
) -> tuple[ApiToken, str]:
    token = ApiToken(
        id=new_id(caller.now),
        user_id=user_id,
        description=new.description,
        scopes=new.scopes,
        created_at=caller.now,
        expires_at=new.expires_at,
        last_used_at=None,
        signs_in_admins=signs_in_admins,
    )
    secret = new_secret(PREFIX)
    await repository.add_token(tx, caller.account_id, token, digest(secret))
    details: dict[str, Any] = {"description": new.description, "scopes": sorted(new.scopes)}
    if user_id != caller.user_id:
        details["user_id"] = str(user_id)
    await record_act(tx, caller, Event(EventType.API_TOKEN_CREATED, "api_token", token.id, details))
    return token, secret


async def find_token(tx: AsyncConnection, context: RequestContext, email: str, secret: str) -> TokenOwner | None:
    """Return the token if it has not expired, and its user has this address and may use tokens."""
    if not is_secret(secret, PREFIX):
        return None
    owner = await repository.find_by_digest(tx, context.account_id, digest(secret))
    if owner is None or owner.token.is_over(context.now) or not may_use_tokens(owner.user):
        return None
    if email_key(owner.user.email) != email_key(email):
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
