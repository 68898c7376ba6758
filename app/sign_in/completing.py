"""The last step of every sign-in: the session, its audit events, the newly trusted device."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import event_rows
from app.audit.rules import Actor, Event, EventType
from app.core.assurance import PASSWORD, RECOVERY_CODE, SSO
from app.core.callers import RequestContext
from app.core.errors import Unauthenticated
from app.crypto.digests import digest
from app.delivery.letters import Kind, email_to
from app.second_factor.kinds.kind import Accepted
from app.second_factor.rules import EVERY_SIGN_IN, SecondFactorState
from app.second_factor.trusted_devices.rules import TrustedDevice, reason_not_to_trust
from app.second_factor.trusted_devices.use_cases import new_trusted_device
from app.sessions.use_cases import new_session
from app.sign_in.complete_sign_in import (
    NewRows,
    NewTrust,
    complete_by_first_factor,
    complete_by_passcode,
    complete_by_sign_in,
)
from app.sign_in.outcomes import Completed, Device
from app.sign_in.repository import FoundSignIn


def expired() -> Unauthenticated:
    """Return the refusal of a sign-in token that is unknown, used, expired or no longer valid."""
    return Unauthenticated("The sign-in has ended. Begin again.", code="sign_in_expired")


async def complete(
    tx: AsyncConnection,
    context: RequestContext,
    user_id: UUID,
    *,
    amr: tuple[str, ...],
    by_trusted_device: TrustedDevice | None = None,
    asserted_by: UUID | None = None,
    provider: str | None = None,
) -> Completed:
    """Open the session of a user who needs no second factor.

    `provider` is the name of the SSO provider that authenticated the user, if any. Raises `Unauthenticated` if the
    user was deleted meanwhile.
    """
    opening, token = _open(
        context, user_id, amr, asserted_by=asserted_by, by_trusted_device=by_trusted_device, provider=provider
    )
    done = await complete_by_first_factor(tx, context, opening)
    if done is None:
        raise expired()
    return Completed(
        opening.session,
        token,
        done.user,
        recovery_codes_left=done.recovery_codes_left,
        by_trusted_device=by_trusted_device is not None,
    )


async def complete_with_second_factor(
    tx: AsyncConnection,
    context: RequestContext,
    found: FoundSignIn,
    state: SecondFactorState,
    *,
    method: str,
    passcode: Accepted | None = None,
    device: Device,
    replaces: list[UUID],
) -> Completed | None:
    """Use up the sign-in, open the session, and trust the device if asked for and allowed.

    `method` is the second factor's value in the session's `amr`.

    A `passcode` is used up in the same statement, which is its own transaction; returns None if the state, the
    sign-in or the authenticator has changed since it was read. Without a passcode, the caller holds the lock of
    the state, and None means that the sign-in was already used.
    """
    sign_in = found.sign_in
    days = found.trusted_device_days
    not_trusted = reason_not_to_trust(
        device.asked,
        every_sign_in=state.passcode_frequency == EVERY_SIGN_IN,
        by_recovery_code=method == RECOVERY_CODE,
        policy_days=days,
    )
    trust = None if not_trusted else new_trusted_device(context, sign_in.user_id, days=days)
    trusted = None
    if trust:
        email = email_to(found.recipient, context, Kind.TRUSTED_DEVICE_ADDED, days=days)
        trusted = NewTrust(trust.device, email, replaces)
    amr = (PASSWORD, method)
    opening, token = _open(context, sign_in.user_id, amr, asserted_by=sign_in.asserted_by, trusted=trusted)
    if passcode:
        done = await complete_by_passcode(tx, context, sign_in, state, passcode, opening)
    else:
        done = await complete_by_sign_in(tx, context, sign_in, opening)
    if done is None:
        return None
    return Completed(opening.session, token, done.user, trust, not_trusted, done.recovery_codes_left)


def _open(
    context: RequestContext,
    user_id: UUID,
    amr: tuple[str, ...],
    *,
    asserted_by: UUID | None,
    by_trusted_device: TrustedDevice | None = None,
    provider: str | None = None,
    trusted: NewTrust | None = None,
) -> tuple[NewRows, str]:
    """Return the rows of the completed sign-in, and its session's token."""
    session, token = new_session(
        context,
        user_id,
        amr=amr,
        first_factor_at=None if asserted_by else context.now,
        second_factor_at=context.now if len(amr) > 1 else None,
    )
    told = {
        "trusted_device_id": by_trusted_device and str(by_trusted_device.id),
        "api_token_id": asserted_by and str(asserted_by),
        "provider": provider,
    }
    details = {"amr": list(amr)} | {name: value for name, value in told.items() if value}
    kind = EventType.SSO_SIGNED_IN if SSO in amr else EventType.SIGN_IN_SUCCEEDED
    events = [Event(kind, "session", session.id, details)]
    if trusted:
        events.append(Event(EventType.TRUSTED_DEVICE_ADDED, "trusted_device", trusted.device.id))
    rows = event_rows(context, Actor(user_id, None), *events)
    return NewRows(session, digest(token), rows, trusted), token
