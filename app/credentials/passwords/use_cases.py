"""Check and change passwords, and refuse wrong ones."""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.repository import PasswordUser
from app.audit.repository import record, record_act
from app.audit.rules import NOBODY, Event, EventType
from app.core.callers import Caller, RequestContext
from app.core.errors import FieldError, InvalidRequest, Refusal, Unauthenticated, Unavailable
from app.credentials.links.repository import void_links
from app.credentials.passwords.rules import check_new_password
from app.crypto.breached_passwords import UnusableBreachFileError
from app.delivery.letters import Kind, notify_user
from app.second_factor import repository as second_factor
from app.second_factor.settings.use_cases import lock_own_factors
from app.second_factor.trusted_devices.use_cases import revoke_all
from app.services import Services
from app.sessions.use_cases import end_sessions
from app.throttling.rules import Bucket
from app.throttling.use_cases import refund_password_attempt

log = structlog.get_logger()


async def check_chosen_password(
    services: Services, password: str, pointer: str, *, about_user: tuple[str, ...]
) -> None:
    """Raise `InvalidRequest`, with the reason at `pointer`, if the password is not allowed.

    Do not call this in a transaction. Raises `Unavailable` if the file of breached passwords is configured but
    cannot be searched. This does not prevent sign-ins, and an unchecked password would be worse than a delayed
    one.
    """
    check_new_password(password, pointer, about_user=about_user)
    if services.breached_passwords is None:
        return
    try:
        is_breached = await services.breached_passwords.contain(password)
    except UnusableBreachFileError as unusable:
        log.error("breached passwords cannot be searched", reason=str(unusable))  # noqa: TRY400 -- the reason is sufficient
        raise Unavailable("New passwords cannot be checked at the moment.") from None
    if is_breached:
        error = FieldError(pointer, "breached", "This password appeared in a data breach. Choose another one.")
        raise InvalidRequest("The new password cannot be used.", error)


async def change_password(
    tx: AsyncConnection, caller: Caller, checked: PasswordUser, new_hash: str, buckets: list[Bucket]
) -> None:
    """Store the new hash; end other sessions, trusted devices, links and pending sign-ins.

    `checked` is the user against whose hash the current password was checked. Raises `Unauthenticated` if the
    user's version has changed since, and what `lock_own_factors` raises.
    """
    state, _ = await lock_own_factors(tx, caller)
    if state.version != checked.version:
        raise wrong_password()
    account_id, user_id = caller.account_id, caller.user_id
    await refund_password_attempt(tx, caller.context, buckets)
    await users.store_password_hash(tx, account_id, user_id, new_hash)
    await second_factor.change_state(tx, account_id, user_id, new_version=True)
    await void_links(tx, account_id, user_id)
    because = "the password was changed"
    events = await end_sessions(tx, account_id, user_id, because=because, except_session_id=caller.session_id)
    events += await revoke_all(tx, account_id, user_id, because=because)
    await record_act(tx, caller, Event(EventType.PASSWORD_CHANGED, "user", user_id), *events)
    await notify_user(tx, caller.context, user_id, Kind.PASSWORD_CHANGED)


async def refuse_current_password(tx: AsyncConnection, caller: Caller) -> Refusal:
    """Record a wrong current password, and return the refusal."""
    failed = Event(EventType.PASSWORD_FAILED, "user", caller.user_id, {"at": "password_change"})
    await record_act(tx, caller, failed)
    return wrong_password()


def wrong_password() -> Unauthenticated:
    """Return the refusal of a wrong current password."""
    return Unauthenticated("The current password is not correct.", code="invalid_credentials")


def invalid_credentials() -> Unauthenticated:
    """Return the refusal of an e-mail address and password; the same for every reason."""
    return Unauthenticated("The e-mail address or the password is not correct.", code="invalid_credentials")


async def refuse_password(tx: AsyncConnection, context: RequestContext, found: PasswordUser | None) -> Refusal:
    """Record a failed sign-in, and return the refusal, which is the same for every reason."""
    target = ("user", found.user.id) if found else (None, None)
    await record(tx, context, NOBODY, Event(EventType.SIGN_IN_FAILED, *target))
    return invalid_credentials()
