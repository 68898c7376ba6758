"""Proving the second factor: the one way in which a passcode is judged, at sign-in and at step-up alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record
from app.audit.rules import Actor, Event, EventType
from app.core.assurance import RECOVERY_CODE, TOTP
from app.core.callers import RequestContext
from app.core.errors import Refusal, TooMany, Unauthenticated
from app.crypto.passwords import Hasher
from app.crypto.sealing import AssociatedData, SealBroken, Sealer
from app.database.engine import Database
from app.delivery.letters import Kind, notify_user
from app.second_factor import repository, throttle
from app.second_factor.kinds.totp.algorithm import seconds_until_next
from app.second_factor.passcode import RecoveryCode, TotpPasscode
from app.second_factor.recovery_codes import repository as recovery_codes
from app.second_factor.recovery_codes.use_cases import HashedCode, hash_typed_code
from app.second_factor.rules import Accepted, AlreadyUsed, Authenticator, SecondFactorState, judge_totp
from app.second_factor.trusted_devices.use_cases import revoke_all

log = structlog.get_logger()


@dataclass(frozen=True)
class Attempt:
    """A passcode as it was typed; a recovery code comes hashed, since hashing is too slow for a transaction."""

    passcode: TotpPasscode | RecoveryCode
    hashed_code: HashedCode | None = None
    authenticator_id: UUID | None = None


@dataclass(frozen=True)
class Proof:
    """The second factor was proven, by this method of RFC 8176 or our own."""

    method: str


async def prepare_attempt(
    database: Database,
    hasher: Hasher,
    context: RequestContext,
    user_id: UUID,
    passcode: TotpPasscode | RecoveryCode,
    *,
    authenticator_id: UUID | None = None,
) -> Attempt:
    """Return the attempt, a recovery code hashed; raises `TooMany` for a throttled user, before hashing."""
    if isinstance(passcode, TotpPasscode):
        return Attempt(passcode, authenticator_id=authenticator_id)
    async with database.read() as tx:
        state = await repository.get_state(tx, context.account_id, user_id)
    refusal = state and refusal_of(state, context, Attempt(passcode))
    if refusal:
        raise refusal
    return Attempt(passcode, await hash_typed_code(database, hasher, context.account_id, user_id, passcode))


async def count_attempt(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, attempt: Attempt
) -> SecondFactorState | Refusal | None:
    """Lock the user's second factor and count the attempt as a failure, before it is judged.

    Returns the state; a `Refusal` where nothing was counted, because the user is throttled or the authenticators
    are disabled; None when there is no such user.
    """
    by_authenticator = isinstance(attempt.passcode, TotpPasscode)
    state = await repository.count_attempt(
        tx, context.account_id, user_id, now=context.now, with_authenticator=by_authenticator
    )
    if state is not None:
        return state
    state = await repository.get_state(tx, context.account_id, user_id)
    return (refusal_of(state, context, attempt) or _throttled(state, context)) if state else None


def refusal_of(state: SecondFactorState, context: RequestContext, attempt: Attempt) -> Refusal | None:
    """Return the refusal of an attempt that is not counted; None when it may be."""
    if isinstance(attempt.passcode, TotpPasscode) and state.authenticators_disabled_at:
        return _incorrect()
    if state.blocked_until and state.blocked_until > context.now:
        return _throttled(state, context)
    return None


async def judge_attempt(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    user_id: UUID,
    state: SecondFactorState,
    attempt: Attempt,
) -> Proof | Refusal:
    """Judge an attempt that this transaction has counted; use the passcode up if it is right.

    A success takes the count back. A refusal is returned, so that its count and its audit event are kept.
    """
    if isinstance(attempt.passcode, TotpPasscode):
        known = await repository.list_authenticators(tx, context.account_id, user_id)
        outcome = await _use_totp(tx, context, user_id, judge_passcode(context, sealer, known, attempt))
    else:
        outcome = await _use_recovery_code(tx, context, user_id, attempt.hashed_code)
    if isinstance(outcome, Refusal):
        await record_failure(tx, context, user_id, state, outcome)
    return outcome


def judge_passcode(
    context: RequestContext, sealer: Sealer, authenticators: Sequence[Authenticator], attempt: Attempt
) -> Accepted | Refusal:
    """Judge a passcode by what is known of the authenticators; it is not used up by that."""
    assert isinstance(attempt.passcode, TotpPasscode)  # noqa: S101 -- a recovery code is looked for in the database
    candidates = [known for known in authenticators if attempt.authenticator_id in (None, known.id)]
    opened = ((known, _open(sealer, context.account_id, known)) for known in candidates)
    verdict = judge_totp(
        [(known, secret) for known, secret in opened if secret], attempt.passcode.digits, now=context.now
    )
    if isinstance(verdict, AlreadyUsed):
        return already_used(retry_after=verdict.retry_after)
    return verdict or _incorrect()


async def _use_totp(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, verdict: Accepted | Refusal
) -> Proof | Refusal:
    if isinstance(verdict, Refusal):
        return verdict
    values = repository.accept_passcode_params(context.account_id, user_id, verdict, now=context.now)
    return Proof(TOTP) if await repository.accept_step(tx, values) else used_meanwhile(context, verdict)


def used_meanwhile(context: RequestContext, verdict: Accepted) -> Refusal:
    """Return the refusal of a passcode that was right and that somebody else was faster with."""
    return already_used(retry_after=seconds_until_next(verdict.step, context.now))


async def _use_recovery_code(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, code: HashedCode | None
) -> Proof | Refusal:
    account_id = context.account_id
    if code is None:
        return _incorrect()
    if not await recovery_codes.spend(tx, account_id, code.set_id, code.digest, now=context.now):
        known = await recovery_codes.is_known(tx, account_id, code.set_id, code.digest)
        return already_used() if known else _incorrect()
    await repository.change_state(
        tx, account_id, user_id, failures=0, blocked_until=None, last_passcode_at=context.now
    )
    left = await recovery_codes.count_left(tx, account_id, user_id)
    revoked = await revoke_all(tx, account_id, user_id, because="a recovery code was used")
    used = Event(EventType.RECOVERY_CODE_USED, "user", user_id, {"recovery_codes_left": left})
    await record(tx, context, Actor(user_id, None), used, *revoked)
    await notify_user(tx, context, user_id, Kind.RECOVERY_CODE_USED, left=left)
    return Proof(RECOVERY_CODE)


async def record_failure(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, state: SecondFactorState, refusal: Refusal
) -> None:
    """Record the refusal of a counted attempt, and what so many failures in a row bring with them."""
    replayed = refusal.code == "passcode_already_used"
    kind = EventType.PASSCODE_REPLAYED if replayed else EventType.PASSCODE_FAILED
    events = [Event(kind, "user", user_id, {"failures_in_a_row": state.failures})]
    disable = state.failures >= throttle.DISABLE_AT and not state.authenticators_disabled_at
    if disable:
        await repository.change_state(tx, context.account_id, user_id, authenticators_disabled_at=context.now)
    if state.blocked_until:
        details = {"seconds": throttle.retry_after(state.blocked_until, context.now), "disabled": disable}
        events.append(Event(EventType.PASSCODE_LOCKED, "user", user_id, details))
    await record(tx, context, Actor(user_id, None), *events)


def secret_associated_data(account_id: UUID, authenticator_id: UUID) -> AssociatedData:
    """Return where an authenticator's secret rests, without which it does not open."""
    return AssociatedData("authenticators", "sealed_secret", account_id, authenticator_id)


def _open(sealer: Sealer, account_id: UUID, authenticator: Authenticator) -> bytes | None:
    """Open a secret; one that was bent or moved matches no passcode, for its user alone, and loudly."""
    try:
        return sealer.open(authenticator.sealed_secret, secret_associated_data(account_id, authenticator.id))
    except SealBroken as error:
        log.exception("sealed secret does not open", authenticator_id=str(authenticator.id), reason=str(error))
        return None


def _incorrect() -> Refusal:
    return Unauthenticated("The passcode is not correct.", code="passcode_incorrect")


def already_used(**extra: int) -> Refusal:
    """Return the refusal of a right passcode that was accepted before."""
    return Unauthenticated(
        "The passcode was used before. Wait for a new one.", code="passcode_already_used", **extra
    )


def _throttled(state: SecondFactorState, context: RequestContext) -> Refusal:
    until = state.blocked_until or context.now
    return TooMany(
        "Too many passcodes were wrong.",
        code="too_many_attempts",
        retry_after=throttle.retry_after(until, context.now),
    )
