"""Changing one's password."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.callers import Caller
from app.delivery.letters import Kind, tell
from app.errors import Unauthenticated
from app.password_limits.rules import Bucket
from app.password_limits.use_cases import take_password_attempt_back
from app.second_factor import repository as second_factor
from app.sessions.use_cases import end_sessions
from app.trusted_devices.use_cases import revoke_all
from app.two_factor.use_cases import lock_own_factors
from app.users import repository as users
from app.users.repository import PasswordUser


async def change_password(
    tx: AsyncConnection, caller: Caller, checked: PasswordUser, new_hash: str, buckets: list[Bucket]
) -> None:
    """Store the new password's hash; other sessions, trusted devices and sign-ins under way end.

    `checked` is the user whose hash the current password was checked against; raises `Unauthenticated` when that
    has changed.
    """
    state, _ = await lock_own_factors(tx, caller)
    if state.version != checked.version:
        raise wrong_password()
    account_id, user_id = caller.account_id, caller.user_id
    await take_password_attempt_back(tx, caller.visitor, buckets)
    await users.store_password_hash(tx, account_id, user_id, new_hash)
    await second_factor.change_state(tx, account_id, user_id, new_version=True)
    because = "the password was changed"
    events = await end_sessions(tx, account_id, user_id, because=because, spared=caller.session_id)
    events += await revoke_all(tx, account_id, user_id, because=because)
    await record_act(tx, caller, Event(EventType.PASSWORD_CHANGED, "user", user_id), *events)
    await tell(tx, caller.visitor, user_id, Kind.PASSWORD_CHANGED)


def wrong_password() -> Unauthenticated:
    """Return the refusal of a current password that is not the user's."""
    return Unauthenticated("The current password is not correct.", code="invalid_credentials")
