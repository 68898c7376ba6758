"""Sign-in of a user whose first factor a backend has just checked."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.users import repository as users
from app.accounts.users.repository import PasswordUser
from app.accounts.users.rules import ACTIVE, SERVICE_CANNOT_SIGN_IN, User
from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.core.assurance import SSO
from app.core.callers import ADMINS, Caller, RequestContext
from app.core.errors import Forbidden, NotFound, Refusal, Unauthenticated
from app.credentials.api_tokens.repository import lock_token_shared
from app.second_factor import repository as second_factor
from app.sign_in.completing import complete
from app.sign_in.outcomes import Completed, Device, Waiting
from app.sign_in.repository import LockedUser
from app.sign_in.use_cases import continue_after_first_factor


async def find_asserted(
    tx: AsyncConnection, account_id: UUID, *, user_id: UUID | None, external_id: str | None, email: str | None
) -> User:
    """Return the user that the backend identifies; raises `NotFound`."""
    found: PasswordUser | None = None
    if user_id is not None:
        found = await users.find_by_id(tx, account_id, user_id)
    elif external_id is not None:
        found = await users.find_by_external_id(tx, account_id, external_id)
    elif email is not None:
        found = await users.find_by_email(tx, account_id, email)
    if found is None:
        raise NotFound("The account has no such user.")
    return found.user


async def begin_asserted_sign_in(
    tx: AsyncConnection, caller: Caller, user_id: UUID, device: Device, *, by_password: bool, from_: RequestContext
) -> Completed | Waiting | Refusal:
    """Continue a sign-in after a first factor that the backend has checked.

    The session and its audit events have the user's request context (`from_`) and the API token's id. An asserted
    first factor never makes the session fresh. A first factor checked by a third party (`by_password` is false)
    completes the sign-in, whatever the policy.
    """
    # Shared lock: a concurrent policy change with `end_sessions` either waits for us and ends this session too,
    # or commits first and we read its policy.
    await accounts.lock_policy_shared(tx, caller.account_id)
    state = await second_factor.lock_state(tx, caller.account_id, user_id)
    found = await users.find_by_id(tx, caller.account_id, user_id)
    if state is None or found is None:
        raise NotFound("The account has no such user.")
    if caller.token_id is None or not await lock_token_shared(tx, caller.account_id, caller.token_id):
        raise Unauthenticated("The API token has ended.")
    if refusal := _refusal(caller, found.user):
        denied = Event(EventType.ACCESS_DENIED, "user", user_id, {"code": refusal.code})
        await record_act(tx, caller, denied)
        return refusal
    if by_password:
        policy = await accounts.get_policy(tx, caller.account_id)
        known = await second_factor.list_authenticators(tx, caller.account_id, user_id)
        locked = LockedUser(state, found.user, policy, known)
        return await continue_after_first_factor(tx, from_, locked, device, asserted_by=caller.token_id)
    return await complete(tx, from_, found.user.id, amr=(SSO,), asserted_by=caller.token_id)


def _refusal(caller: Caller, user: User) -> Refusal | None:
    if user.role in ADMINS and not caller.signs_in_admins:
        return Forbidden("Only a token that the owner made signs in admins and the owner.")
    if user.is_service:
        return Forbidden(SERVICE_CANNOT_SIGN_IN)
    if user.status != ACTIVE:
        return Forbidden("The user is suspended.")
    return None


def asserted_context(context: RequestContext, *, ip: str | None, user_agent: str | None) -> RequestContext:
    """Return the user's request context: the backend's, with the `ip` and `user_agent` it sent."""
    return replace(
        context, ip=ip or context.ip, user_agent=context.user_agent if user_agent is None else user_agent
    )
