"""The last step of every sign-in: a session, how it came about, and the device that is trusted from now on."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import insert_event_params
from app.audit.rules import Actor, Event, EventType
from app.core.assurance import PASSWORD, RECOVERY_CODE, SSO, TOTP
from app.core.callers import RequestContext
from app.core.errors import Unauthenticated
from app.crypto.digests import digest
from app.delivery.letters import Kind, notify_user_params
from app.second_factor.repository import accept_passcode_params
from app.second_factor.rules import EVERY_SIGN_IN, Accepted, SecondFactorState
from app.second_factor.trusted_devices.repository import insert_trusted_device_params
from app.second_factor.trusted_devices.rules import TrustedDevice
from app.second_factor.trusted_devices.use_cases import new_trust, replace_trust
from app.sessions.repository import insert_session_params
from app.sessions.use_cases import new_session
from app.sign_in import repository
from app.sign_in.outcomes import Completed, Device, Trust
from app.sign_in.repository import FoundSignIn
from app.sign_in.rules import days_of_trust


def expired() -> Unauthenticated:
    """Return the refusal of a sign-in token that is unknown, used, too old, or dead."""
    return Unauthenticated("The sign-in has ended. Begin again.", code="sign_in_expired")


async def complete_with_second_factor(
    tx: AsyncConnection,
    context: RequestContext,
    found: FoundSignIn,
    state: SecondFactorState,
    *,
    method: str = TOTP,
    passcode: Accepted | None = None,
    device: Device,
) -> Completed:
    """Use the sign-in up, open the session, and trust the device where that was asked for and is allowed.

    It uses up the `passcode` too, where that has not been done. Raises what `complete` does.
    """
    sign_in = found.sign_in
    days = days_of_trust(
        remember=device.remember,
        every_sign_in=state.passcode_frequency == EVERY_SIGN_IN,
        by_recovery_code=method == RECOVERY_CODE,
        policy_days=found.trusted_device_days,
    )
    given = None
    if days:
        trusted, token = new_trust(context, sign_in.user_id, days=days)
        given = Trust(trusted, token, trusted.expires_at(days), days)
    completed = await complete(
        tx,
        context,
        sign_in.user_id,
        amr=(PASSWORD, method),
        sign_in_id=sign_in.id,
        passcode=passcode,
        given=given,
        asserted_by=sign_in.asserted_by,
    )
    if given:
        await replace_trust(tx, context, sign_in.user_id, device.tokens_of(sign_in.user_id))
    return completed


async def complete(
    tx: AsyncConnection,
    context: RequestContext,
    user_id: UUID,
    *,
    amr: tuple[str, ...],
    sign_in_id: UUID | None = None,
    passcode: Accepted | None = None,
    by_device: TrustedDevice | None = None,
    given: Trust | None = None,
    asserted_by: UUID | None = None,
    provider: str | None = None,
) -> Completed:
    """Open the session of a user who has proven everything, and record how; `provider` names who vouched.

    `sign_in_id` and `passcode` are what this uses up. Raises `Unauthenticated` when one of them was
    used before: the passcode, and nothing has changed; or the sign-in, and the transaction must not commit.
    """
    session, token = new_session(
        context,
        user_id,
        amr=amr,
        first_factor_at=None if asserted_by else context.now,
        second_factor_at=context.now if len(amr) > 1 else None,
    )
    told = {
        "trusted_device_id": by_device and str(by_device.id),
        "api_token_id": asserted_by and str(asserted_by),
        "provider": provider,
    }
    details = {"amr": list(amr)} | {name: value for name, value in told.items() if value}
    kind = EventType.SSO_SIGNED_IN if SSO in amr else EventType.SIGN_IN_SUCCEEDED
    actor, signed_in = Actor(user_id, None), Event(kind, "session", session.id, details)
    values = {"given_account_id": context.account_id, "user_id": user_id, "now": context.now}
    values |= insert_session_params(context.account_id, session, digest(token))
    values |= insert_event_params("signing_in", context, actor, signed_in)
    if given:
        trusting = Event(EventType.TRUSTED_DEVICE_ADDED, "trusted_device", given.device.id)
        values |= insert_trusted_device_params(context.account_id, given.device) | insert_event_params(
            "trusting", context, actor, trusting
        )
        values |= notify_user_params(context, user_id, Kind.TRUSTED_DEVICE_ADDED, days=given.days)
    if sign_in_id:
        values["sign_in_id"] = sign_in_id
    if passcode:
        values |= accept_passcode_params(context.account_id, user_id, passcode, now=context.now)
    done = await repository.complete(tx, values)
    if done is None:
        raise expired()
    user, left = done
    return Completed(session, token, user, given, left, by_device is not None)
