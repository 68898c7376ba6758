"""Proving the second factor: how a passcode is judged, and what its failures at sign-in bring with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record
from app.audit.rules import Actor, Event, EventType
from app.core.assurance import RECOVERY_CODE
from app.core.callers import RequestContext
from app.core.errors import Refusal, TooMany, Unauthenticated
from app.crypto.passwords import Hasher
from app.crypto.sealing import AssociatedData, SealBroken, Sealer
from app.database.engine import Database
from app.delivery.letters import Kind, notify_user
from app.second_factor import repository, throttle
from app.second_factor.kinds.kind import AlreadyUsed
from app.second_factor.passcode import RecoveryCode, SixDigits
from app.second_factor.recovery_codes import repository as recovery_codes
from app.second_factor.recovery_codes.use_cases import HashedCode, hash_typed_code
from app.second_factor.rules import (
    Authenticator,
    ProvenBy,
    SecondFactorState,
    after_failure,
    guessable,
    judge,
)
from app.second_factor.trusted_devices.use_cases import revoke_all

log = structlog.get_logger()

AT_SIGN_IN = "sign_in"
AT_STEP_UP = "step_up"


@dataclass(frozen=True)
class Attempt:
    """A passcode as it was typed; a recovery code comes hashed, since hashing is too slow for a transaction."""

    passcode: SixDigits | RecoveryCode
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
    passcode: SixDigits | RecoveryCode,
    *,
    authenticator_id: UUID | None = None,
) -> Attempt:
    """Return the attempt, a recovery code hashed; raises `TooMany` for a throttled user, before hashing."""
    if isinstance(passcode, SixDigits):
        return Attempt(passcode, authenticator_id=authenticator_id)
    async with database.read() as tx:
        state = await repository.get_state(tx, context.account_id, user_id)
    refusal = state and refusal_of(state, context, Attempt(passcode))
    if refusal:
        raise refusal
    return Attempt(passcode, await hash_typed_code(database, hasher, context.account_id, user_id, passcode))


async def prove_by_recovery_code(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, attempt: Attempt
) -> Proof | Refusal | None:
    """Lock the user's second factor and judge a recovery code at sign-in: use it up, or count the failure.

    Returns None when there is no such user. A refusal is returned, so that its count and its event are committed.
    """
    account_id = context.account_id
    state = await repository.lock_state(tx, account_id, user_id)
    if state is None:
        return None
    if refusal := refusal_of(state, context, attempt):
        return refusal
    outcome = await use_recovery_code(tx, context, user_id, attempt.hashed_code)
    if isinstance(outcome, Proof):
        await repository.reset_failures(tx, account_id, user_id, now=context.now)
        return outcome
    await count_failure(tx, context, user_id, state, outcome)
    return outcome


async def count_failure(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, state: SecondFactorState, refusal: Refusal
) -> None:
    """Count a failure at sign-in, record it, and tell its user what so many bring; the caller holds the lock."""
    account_id = context.account_id
    known = guessable(await repository.list_authenticators(tx, account_id, user_id))
    after = after_failure(state, context.now, authenticators=len(known))
    await repository.change_state(
        tx,
        account_id,
        user_id,
        failures=after.failures,
        blocked_until=after.blocked_until,
        authenticators_disabled_at=after.authenticators_disabled_at,
    )
    await record(
        tx, context, Actor(user_id, None), *sign_in_failure_events(context, user_id, state, after, refusal)
    )
    if news := news_of_failure(state, after):
        await notify_user(tx, context, user_id, news.kind, **news.details)


def refusal_of(state: SecondFactorState, context: RequestContext, attempt: Attempt) -> Refusal | None:
    """Return the refusal of an attempt that is not counted; None when it may be."""
    if isinstance(attempt.passcode, SixDigits) and state.authenticators_disabled_at:
        return incorrect()
    if state.blocked_until and state.blocked_until > context.now:
        return throttled(state.blocked_until, context)
    return None


def judge_passcode(
    context: RequestContext,
    sealer: Sealer,
    user_id: UUID,
    authenticators: Sequence[Authenticator],
    attempt: Attempt,
) -> ProvenBy | Refusal:
    """Judge a passcode by what is known of the user's authenticators; it is not used up by that."""
    assert isinstance(attempt.passcode, SixDigits)  # noqa: S101 -- a recovery code is looked for in the database
    candidates = [known for known in authenticators if attempt.authenticator_id in (None, known.id)]
    opened = open_secrets(sealer, context.account_id, user_id, candidates)
    return _refused_or_proven(judge(opened, attempt.passcode.digits, now=context.now))


def judge_answer(
    context: RequestContext,
    sealer: Sealer,
    user_id: UUID,
    authenticator: Authenticator,
    given: str,
    challenge: bytes,
) -> ProvenBy | Refusal:
    """Judge the answer to a challenge that was asked of an authenticator of the user."""
    opened = open_secrets(sealer, context.account_id, user_id, [authenticator])
    return _refused_or_proven(judge(opened, given, now=context.now, challenge=challenge))


def _refused_or_proven(verdict: ProvenBy | AlreadyUsed | None) -> ProvenBy | Refusal:
    if isinstance(verdict, AlreadyUsed):
        return already_used(retry_after=verdict.retry_after)
    return verdict or incorrect()


async def use_recovery_code(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, code: HashedCode | None
) -> Proof | Refusal:
    """Use a recovery code up, if it is right and unused, and tell its user; counts nothing."""
    account_id = context.account_id
    if code is None:
        return incorrect()
    if not await recovery_codes.spend(tx, account_id, code.set_id, code.digest, now=context.now):
        known = await recovery_codes.is_known(tx, account_id, code.set_id, code.digest)
        return already_used() if known else incorrect()
    left = await recovery_codes.count_left(tx, account_id, user_id)
    revoked = await revoke_all(tx, account_id, user_id, because="a recovery code was used")
    used = Event(EventType.RECOVERY_CODE_USED, "user", user_id, {"recovery_codes_left": left})
    await record(tx, context, Actor(user_id, None), used, *revoked)
    await notify_user(tx, context, user_id, Kind.RECOVERY_CODE_USED, left=left)
    return Proof(RECOVERY_CODE)


def sign_in_failure_events(
    context: RequestContext,
    user_id: UUID,
    before: SecondFactorState,
    after: SecondFactorState,
    refusal: Refusal,
) -> list[Event]:
    """Return the events of a failure counted at sign-in."""
    return failure_events(
        context,
        user_id,
        refusal,
        at=AT_SIGN_IN,
        failures=after.failures,
        blocked_until=after.blocked_until,
        disabled=after.authenticators_disabled_at != before.authenticators_disabled_at,
    )


def failure_events(
    context: RequestContext,
    user_id: UUID,
    refusal: Refusal,
    *,
    at: str,
    failures: int,
    blocked_until: datetime | None,
    disabled: bool = False,
) -> list[Event]:
    """Return the events of a counted failure: what it was, and what so many in a row brought with them."""
    replayed = refusal.code == "passcode_already_used"
    kind = EventType.PASSCODE_REPLAYED if replayed else EventType.PASSCODE_FAILED
    events = [Event(kind, "user", user_id, {"at": at, "failures_in_a_row": failures})]
    if blocked_until:
        seconds = throttle.retry_after(blocked_until, context.now)
        details = {"at": at, "seconds": seconds, "disabled": disabled}
        events.append(Event(EventType.PASSCODE_LOCKED, "user", user_id, details))
    return events


@dataclass(frozen=True)
class News:
    """What an e-mail tells the user."""

    kind: Kind
    details: dict[str, Any]


def news_of_failure(before: SecondFactorState, after: SecondFactorState) -> News | None:
    """Return what the user is told of a failure at sign-in: the first block in a row, and the disabling."""
    if after.authenticators_disabled_at != before.authenticators_disabled_at:
        return News(Kind.AUTHENTICATORS_DISABLED, {"failures": after.failures})
    if after.failures == throttle.FREE_FAILURES:
        return News(Kind.PASSCODES_FAILED, {"at": AT_SIGN_IN, "ended": False})
    return None


def secret_associated_data(account_id: UUID, user_id: UUID, authenticator_id: UUID) -> AssociatedData:
    """Return where an authenticator's secret rests and whose it is, without which it does not open."""
    return AssociatedData("authenticators", "sealed_secret", account_id, authenticator_id, user_id)


def open_secrets(
    sealer: Sealer, account_id: UUID, user_id: UUID, authenticators: Sequence[Authenticator]
) -> list[tuple[Authenticator, bytes]]:
    """Return the user's authenticators whose secret opens, with it."""
    opened = ((known, _open(sealer, account_id, user_id, known)) for known in authenticators)
    return [(known, secret) for known, secret in opened if secret]


def _open(sealer: Sealer, account_id: UUID, user_id: UUID, authenticator: Authenticator) -> bytes | None:
    """Open a secret; one that was bent or moved matches no passcode, for its user alone, and loudly."""
    try:
        return sealer.open(
            authenticator.sealed_secret, secret_associated_data(account_id, user_id, authenticator.id)
        )
    except SealBroken as error:
        log.exception("sealed secret does not open", authenticator_id=str(authenticator.id), reason=str(error))
        return None


def incorrect() -> Refusal:
    """Return the refusal of a passcode that is not the user's."""
    return Unauthenticated("The passcode is not correct.", code="passcode_incorrect")


def already_used(**extra: int) -> Refusal:
    """Return the refusal of a right passcode that was accepted before."""
    return Unauthenticated(
        "The passcode was used before. Wait for a new one.", code="passcode_already_used", **extra
    )


def throttled(blocked_until: datetime, context: RequestContext) -> Refusal:
    """Return the refusal of any attempt before `blocked_until`."""
    return TooMany(
        "Too many passcodes were wrong.",
        code="too_many_attempts",
        retry_after=throttle.retry_after(blocked_until, context.now),
    )
