"""Verification of the second factor, and the consequences of failures at sign-in."""

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
    AcceptedAnswer,
    Authenticator,
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
    """A submitted passcode or recovery code.

    `hashed_code` is computed beforehand, because hashing is too slow for a transaction.
    """

    passcode: SixDigits | RecoveryCode
    hashed_code: HashedCode | None = None
    authenticator_id: UUID | None = None


@dataclass(frozen=True)
class Proof:
    """The second factor was proven; `method` is the `amr` value (RFC 8176, or our own)."""

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
    """Return the attempt; a recovery code is hashed.

    Raises `TooMany` for a recovery code of a blocked user, before hashing it.
    """
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
    """Lock the state and verify a recovery code at sign-in: use it up, or count the failure.

    Returns None if there is no such user. A refusal is returned, not raised, so that its count and its event are
    committed.
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
    """Count and record a failure at sign-in; notify the user of a first block or of disabling.

    The caller holds the lock of `state`.
    """
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
    if news := failure_email(state, after):
        await notify_user(tx, context, user_id, news.kind, **news.details)


def refusal_of(state: SecondFactorState, context: RequestContext, attempt: Attempt) -> Refusal | None:
    """Return the refusal if the attempt must not be judged or counted, else None."""
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
) -> AcceptedAnswer | Refusal:
    """Check a passcode against the user's authenticators; this does not mark it as used."""
    assert isinstance(attempt.passcode, SixDigits)  # noqa: S101 -- `use_recovery_code` handles recovery codes
    candidates = [known for known in authenticators if attempt.authenticator_id in (None, known.id)]
    opened = decrypt_secrets(sealer, context.account_id, user_id, candidates)
    return _to_outcome(judge(opened, attempt.passcode.digits, now=context.now))


def judge_answer(
    context: RequestContext,
    sealer: Sealer,
    user_id: UUID,
    authenticator: Authenticator,
    given: str,
    challenge: bytes,
) -> AcceptedAnswer | Refusal:
    """Check the answer to a challenge against the authenticator that it was made for."""
    opened = decrypt_secrets(sealer, context.account_id, user_id, [authenticator])
    return _to_outcome(judge(opened, given, now=context.now, challenge=challenge))


def _to_outcome(verdict: AcceptedAnswer | AlreadyUsed | None) -> AcceptedAnswer | Refusal:
    if isinstance(verdict, AlreadyUsed):
        return already_used(retry_after=verdict.retry_after)
    return verdict or incorrect()


async def use_recovery_code(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, code: HashedCode | None
) -> Proof | Refusal:
    """Use up a recovery code if it is correct and unused, and notify the user.

    A use revokes all trusted devices. A failure is not counted here.
    """
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
    """Return the audit events of a failure counted at sign-in."""
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
    """Return the audit events of a counted failure: the failure, and a block if there is one."""
    replayed = refusal.code == "passcode_already_used"
    kind = EventType.PASSCODE_REPLAYED if replayed else EventType.PASSCODE_FAILED
    events = [Event(kind, "user", user_id, {"at": at, "failures_in_a_row": failures})]
    if blocked_until:
        seconds = throttle.retry_after(blocked_until, context.now)
        details = {"at": at, "seconds": seconds, "disabled": disabled}
        events.append(Event(EventType.PASSCODE_LOCKED, "user", user_id, details))
    return events


@dataclass(frozen=True)
class EmailNotice:
    """The kind and the details of an e-mail to the user."""

    kind: Kind
    details: dict[str, Any]


def failure_email(before: SecondFactorState, after: SecondFactorState) -> EmailNotice | None:
    """Return the e-mail about a failure at sign-in: for the first block and for disabling."""
    if after.authenticators_disabled_at != before.authenticators_disabled_at:
        return EmailNotice(Kind.AUTHENTICATORS_DISABLED, {"failures": after.failures})
    if after.failures == throttle.FIRST_BLOCKING_FAILURE:
        return EmailNotice(Kind.PASSCODES_FAILED, {"at": AT_SIGN_IN, "ended": False})
    return None


def secret_associated_data(account_id: UUID, user_id: UUID, authenticator_id: UUID) -> AssociatedData:
    """Return the associated data with which an authenticator's secret is sealed."""
    return AssociatedData("authenticators", "sealed_secret", account_id, authenticator_id, user_id)


def decrypt_secrets(
    sealer: Sealer, account_id: UUID, user_id: UUID, authenticators: Sequence[Authenticator]
) -> list[tuple[Authenticator, bytes]]:
    """Decrypt the secrets; authenticators whose secret does not decrypt are left out."""
    opened = ((known, _decrypt(sealer, account_id, user_id, known)) for known in authenticators)
    return [(known, secret) for known, secret in opened if secret]


def _decrypt(sealer: Sealer, account_id: UUID, user_id: UUID, authenticator: Authenticator) -> bytes | None:
    """Decrypt a secret; if it does not decrypt, log that and return None.

    So one corrupt row affects only its user.
    """
    try:
        return sealer.open(
            authenticator.sealed_secret, secret_associated_data(account_id, user_id, authenticator.id)
        )
    except SealBroken as error:
        log.exception("sealed secret does not open", authenticator_id=str(authenticator.id), reason=str(error))
        return None


def incorrect() -> Refusal:
    """Return the refusal of a wrong passcode."""
    return Unauthenticated("The passcode is not correct.", code="passcode_incorrect")


def already_used(retry_after: int | None = None) -> Refusal:
    """Return the refusal of a correct passcode that was accepted before.

    `retry_after` is when the authenticator shows the next one. A used recovery code has no next one.
    """
    return Unauthenticated(
        "The passcode was used before. Wait for a new one.", code="passcode_already_used", retry_after=retry_after
    )


def throttled(blocked_until: datetime, context: RequestContext) -> Refusal:
    """Return the refusal of any attempt before `blocked_until`."""
    return TooMany(
        "Too many passcodes were wrong.",
        code="too_many_attempts",
        retry_after=throttle.retry_after(blocked_until, context.now),
    )
