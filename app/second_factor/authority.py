"""Authority, judged under the lock: who the caller and the user are now, not when the request came in."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.rules import ACTIVE, User
from app.core.callers import ADMINS, Caller, Role
from app.core.errors import Forbidden, NotFound, Unauthenticated
from app.second_factor import repository


async def lock_users(tx: AsyncConnection, account_id: UUID, *user_ids: UUID) -> dict[UUID, User]:
    """Lock the states of these users, and return those who exist as they are now.

    Always in the order of their ids, so that two at once do not deadlock.
    """
    found = {}
    for user_id in sorted(set(user_ids)):
        if await repository.lock_state(tx, account_id, user_id) is not None:
            known = await users.find_by_id(tx, account_id, user_id)
            if known is not None:
                found[user_id] = known.user
    return found


async def lock_caller(tx: AsyncConnection, caller: Caller, *, roles: frozenset[Role] = ADMINS) -> Caller:
    """Lock the caller, and return them with the role that they have now; raises `Forbidden` for another role."""
    return await _as_now(tx, caller, await lock_users(tx, caller.account_id, caller.user_id), roles)


async def lock_caller_and_user(
    tx: AsyncConnection, caller: Caller, user_id: UUID, *, roles: frozenset[Role] = ADMINS
) -> tuple[Caller, User]:
    """Lock the caller and a user, and return both as they are now; raises `Forbidden` or `NotFound`."""
    found = await lock_users(tx, caller.account_id, caller.user_id, user_id)
    current = await _as_now(tx, caller, found, roles)
    if user_id not in found:
        raise NotFound
    return current, found[user_id]


async def refuse_ended(tx: AsyncConnection, caller: Caller) -> None:
    """Raise `Unauthenticated` when the caller's session or token ended while the request waited for the lock."""
    if not await repository.has_credential(tx, caller):
        raise Unauthenticated("The session or the API token has ended.")


async def _as_now(tx: AsyncConnection, caller: Caller, found: dict[UUID, User], roles: frozenset[Role]) -> Caller:
    user = found.get(caller.user_id)
    if user is None or user.status != ACTIVE or user.role not in roles:
        raise Forbidden("Your role does not allow this.")
    await refuse_ended(tx, caller)
    return replace(caller, role=user.role)
