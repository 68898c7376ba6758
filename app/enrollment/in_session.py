"""Confirm an enrollment in a session; `app.sign_in.enrolling` does so during a sign-in."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.core.callers import Caller
from app.core.errors import Refusal, Unauthenticated
from app.crypto.sealing import Sealer
from app.enrollment.outcomes import ConfirmedEnrollment
from app.enrollment.use_cases import EnrollingUser, confirm_enrollment
from app.idempotency.rules import StoredAnswer
from app.idempotency.use_cases import KeyedRequest, lock_key, take_answer
from app.second_factor.recovery_codes.use_cases import NewCodes
from app.second_factor.rules import EVERY_SIGN_IN, SecondFactorState
from app.second_factor.settings.use_cases import lock_own_state
from app.second_factor.trusted_devices.rules import TrustRequest, reason_not_to_trust
from app.second_factor.trusted_devices.use_cases import trust_my_device
from app.sessions.repository import note_proof


async def confirm_my_enrollment(
    tx: AsyncConnection,
    caller: Caller,
    sealer: Sealer,
    enrollment_id: UUID,
    enrollee: EnrollingUser,
    *,
    digits: str,
    codes: NewCodes | None,
    amr: tuple[str, ...],
    asked: TrustRequest,
    request: KeyedRequest | None,
) -> ConfirmedEnrollment | StoredAnswer | Refusal:
    """Confirm an enrollment in a session, which becomes `aal2` and fresh.

    The device becomes trusted if that is asked for and allowed. If the same request was done before, this returns
    its answer. Raises what `confirm_enrollment`, `lock_key` and `take_answer` raise.
    """
    await lock_key(tx, request)
    state = await lock_own_state(tx, caller)
    if answer := await take_answer(tx, request):
        return answer
    bound = await confirm_enrollment(
        tx,
        caller.context,
        sealer,
        enrollment_id,
        enrollee,
        state,
        digits=digits,
        codes=codes,
        turns_on=not caller.required_by_account,
        spared_session=caller.session_id,
    )
    if isinstance(bound, Refusal):
        return bound
    proven = (*(method for method in amr if method != bound.method), bound.method)
    session = await note_proof(tx, caller.account_id, caller.session_id, amr=proven, second_factor_at=caller.now)
    if session is None:
        raise Unauthenticated("The session has ended.")
    return await _trust_device(tx, caller, state, asked, bound)


async def _trust_device(
    tx: AsyncConnection, caller: Caller, state: SecondFactorState, asked: TrustRequest, bound: ConfirmedEnrollment
) -> ConfirmedEnrollment:
    policy = await accounts.get_policy(tx, caller.account_id)
    not_trusted = reason_not_to_trust(
        asked,
        every_sign_in=state.passcode_frequency == EVERY_SIGN_IN,
        by_recovery_code=False,
        policy_days=policy.trusted_device_days,
    )
    if not_trusted:
        return replace(bound, not_trusted=not_trusted)
    return replace(bound, trust=await trust_my_device(tx, caller, days=policy.trusted_device_days))
