"""Authorization checks under the row lock, with the user's current role and status.

The role that was read when the request came in may have changed since.
"""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.rules import ACTIVE, User
from app.core.callers import ADMINS, Caller, Role
from app.core.errors import Forbidden, NotFound, Unauthenticated
from app.second_factor import repository


async def lock_users(tx: AsyncConnection, account_id: UUID, *user_ids: UUID) -> dict[UUID, User]:
    """Lock the `second_factor_state` of these users, and return those who exist.

    Locks are taken in the order of the user ids, so that concurrent transactions do not deadlock.
    """
    found = {}
    for user_id in sorted(set(user_ids)):
        if await repository.lock_state(tx, account_id, user_id) is not None:
            known = await users.find_by_id(tx, account_id, user_id)
            if known is not None:
                found[user_id] = known.user
    return found


async def lock_caller(tx: AsyncConnection, caller: Caller, *, roles: frozenset[Role] = ADMINS) -> Caller:
    """Lock the caller, and return the caller with the current role.

    Raises `Forbidden` if that role is not in `roles` or the user is not active, and `Unauthenticated` if the
    session or API token has ended.
    """
    return await _as_now(tx, caller, await lock_users(tx, caller.account_id, caller.user_id), roles)


async def lock_caller_and_user(
    tx: AsyncConnection, caller: Caller, user_id: UUID, *, roles: frozenset[Role] = ADMINS
) -> tuple[Caller, User]:
    """Lock the caller and a user, and return the current data of both.

    Raises what `lock_caller` raises, and `NotFound` if the user does not exist.
    """
    found = await lock_users(tx, caller.account_id, caller.user_id, user_id)
    current = await _as_now(tx, caller, found, roles)
    if user_id not in found:
        raise NotFound
    return current, found[user_id]


async def refuse_ended(tx: AsyncConnection, caller: Caller) -> None:
    """Raise `Unauthenticated` if the caller's session or API token has ended.

    Call it after taking the lock: the session or token may have ended while the request waited.
    """
    if not await repository.has_credential(tx, caller):
        raise Unauthenticated("The session or the API token has ended.")


async def _as_now(tx: AsyncConnection, caller: Caller, found: dict[UUID, User], roles: frozenset[Role]) -> Caller:
    user = found.get(caller.user_id)
    if user is None or user.status != ACTIVE or user.role not in roles:
        raise Forbidden("Your role does not allow this.")
    await refuse_ended(tx, caller)
    return replace(caller, role=user.role)
