"""Step-up by a passcode, with its own limit, or without an authenticator by the password."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.repository import PasswordUser
from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.core.assurance import PASSWORD, TEST_PASSCODE
from app.core.callers import Caller
from app.core.errors import Refusal, Unauthenticated
from app.crypto.passwords import Hasher
from app.crypto.sealing import Sealer
from app.database.engine import Database
from app.delivery.letters import Kind, notify_user
from app.second_factor import repository as second_factor
from app.second_factor import throttle
from app.second_factor.challenges import repository as challenges
from app.second_factor.challenges.rules import ChallengeContext
from app.second_factor.challenges.use_cases import IssuedChallenge, issue_challenge, judge_challenge_answer
from app.second_factor.fixed_passcode import is_test_passcode
from app.second_factor.kinds.registry import kinds_with_challenge
from app.second_factor.passcode import RecoveryCode, SixDigits
from app.second_factor.recovery_codes.use_cases import hash_typed_code
from app.second_factor.rules import Authenticator, guessable
from app.second_factor.settings.use_cases import no_authenticator
from app.second_factor.use_cases import (
    AT_STEP_UP,
    Attempt,
    Proof,
    already_used,
    failure_events,
    incorrect,
    judge_passcode,
    throttled,
    use_recovery_code,
)
from app.sessions.repository import delete_session, note_proof
from app.sessions.rules import Session
from app.sessions.step_up import repository
from app.sessions.step_up.rules import StepUpState, after_failure
from app.throttling.rules import Bucket
from app.throttling.use_cases import refund_password_attempt


async def prepare_step_up(
    database: Database, hasher: Hasher, caller: Caller, passcode: SixDigits | RecoveryCode
) -> Attempt:
    """Return the attempt; a recovery code is hashed.

    Raises `TooMany` for a recovery code of a blocked user, before hashing it, and `Unauthenticated` if the session
    has ended.
    """
    if isinstance(passcode, SixDigits):
        return Attempt(passcode)
    async with database.read() as tx:
        state = await repository.get_step_up(tx, caller.account_id, caller.user_id, caller.session_id)
    if state is None:
        raise session_ended()
    if refusal := _refusal_of(state, caller, Attempt(passcode)):
        raise refusal
    return Attempt(passcode, await hash_typed_code(database, hasher, caller.account_id, caller.user_id, passcode))


async def step_up_by_passcode(
    tx: AsyncConnection, caller: Caller, sealer: Sealer, attempt: Attempt
) -> Session | Refusal:
    """Judge a passcode; a correct one makes the session fresh and `aal2`.

    Failures are counted per user over all sessions, separately from those at sign-in. The fifth failure in one
    session ends that session. Answers of kinds that cannot be guessed are neither counted nor blocked. A refusal
    is returned, not raised, so that its counts and events are committed. Raises `Unauthenticated` if the session
    has ended in the meantime, `Conflict` if the user has turned 2FA off in the meantime.
    """
    account_id, user_id = caller.account_id, caller.user_id
    state = await repository.get_step_up(tx, account_id, user_id, caller.session_id, lock=True)
    if state is None:
        raise session_ended()
    known = await second_factor.list_authenticators(tx, account_id, user_id)
    if not known:
        raise no_authenticator()
    asked = await _find_asked(tx, caller, known, attempt)
    is_counted = asked is None or bool(guessable([asked]))
    if is_counted and (refusal := _refusal_of(state, caller, attempt)):
        return refusal
    proof = await _judge(tx, caller, sealer, known, attempt, asked)
    if isinstance(proof, Refusal):
        if is_counted:
            await _count_failure(tx, caller, after_failure(state, len(guessable(known)), caller.now), proof)
        else:
            details = {"at": AT_STEP_UP, "session_id": str(caller.session_id)}
            await record_act(tx, caller, Event(EventType.PASSCODE_FAILED, "user", user_id, details))
        return proof
    reset: dict[str, Any] = {"step_up_failures": 0, "step_up_blocked_until": None} if is_counted else {}
    await second_factor.change_state(tx, account_id, user_id, last_passcode_at=caller.now, **reset)
    amr = (*(method for method in state.amr if method != proof.method), proof.method)
    session = await note_proof(tx, account_id, caller.session_id, amr=amr, second_factor_at=caller.now)
    return await _stepped_up(tx, caller, session, proof.method)


async def ask_in_session(
    tx: AsyncConnection, caller: Caller, sealer: Sealer, authenticator_id: UUID
) -> IssuedChallenge:
    """Make a challenge for one of the caller's authenticators.

    The next passcode in this session is judged as the answer to it.
    """
    found = await repository.get_step_up(tx, caller.account_id, caller.user_id, caller.session_id, lock=True)
    if found is None:
        raise session_ended()
    known = await second_factor.list_authenticators(tx, caller.account_id, caller.user_id)
    asked_in = ChallengeContext(session_id=caller.session_id)
    return await issue_challenge(tx, caller.context, sealer, caller.user_id, known, authenticator_id, asked_in)


async def _find_asked(
    tx: AsyncConnection, caller: Caller, known: list[Authenticator], attempt: Attempt
) -> Authenticator | None:
    """Return the authenticator of this session's unexpired challenge; None if there is none."""
    if isinstance(attempt.passcode, RecoveryCode) or not kinds_with_challenge():
        return None
    challenge = await challenges.find_challenge(
        tx, caller.account_id, ChallengeContext(session_id=caller.session_id)
    )
    if challenge is None or not challenge.is_open(caller.now):
        return None
    return next((mine for mine in known if mine.id == challenge.authenticator_id), None)


def _refusal_of(state: StepUpState, caller: Caller, attempt: Attempt) -> Refusal | None:
    """Return the refusal if the attempt must not be judged or counted, else None."""
    if isinstance(attempt.passcode, SixDigits) and state.authenticators_disabled_at:
        return incorrect()
    if state.blocked_until and state.blocked_until > caller.now:
        return throttled(state.blocked_until, caller.context)
    return None


async def _judge(
    tx: AsyncConnection,
    caller: Caller,
    sealer: Sealer,
    known: list[Authenticator],
    attempt: Attempt,
    asked: Authenticator | None,
) -> Proof | Refusal:
    if isinstance(attempt.passcode, RecoveryCode):
        return await use_recovery_code(tx, caller.context, caller.user_id, attempt.hashed_code)
    if asked:
        asked_in, given = ChallengeContext(session_id=caller.session_id), attempt.passcode.digits
        return await judge_challenge_answer(tx, caller.context, sealer, caller.user_id, asked, asked_in, given)
    if await is_test_passcode(tx, caller.context, caller.user_id, attempt.passcode.digits):
        return Proof(TEST_PASSCODE)
    verdict = judge_passcode(caller.context, sealer, caller.user_id, known, attempt)
    if isinstance(verdict, Refusal):
        return verdict
    if not await second_factor.store_accepted(tx, caller.account_id, verdict.accepted, now=caller.now):
        return already_used()
    return Proof(verdict.kind.amr)


async def _count_failure(tx: AsyncConnection, caller: Caller, after: StepUpState, refusal: Refusal) -> None:
    """Store and record a failed step-up; end the session and notify the user at the limits."""
    account_id, user_id = caller.account_id, caller.user_id
    await repository.store_failure(tx, account_id, user_id, caller.session_id, after)
    events = failure_events(
        caller.context,
        user_id,
        refusal,
        at=AT_STEP_UP,
        failures=after.failures,
        blocked_until=after.blocked_until,
    )
    events[0] = replace(events[0], details=events[0].details | {"session_id": str(caller.session_id)})
    if after.session_is_over:
        await delete_session(tx, account_id, user_id, caller.session_id)
        ended = {"because": "too many step-ups failed in it"}
        events.append(Event(EventType.SESSION_ENDED, "session", caller.session_id, ended))
    await record_act(tx, caller, *events)
    if after.session_is_over or after.failures == throttle.FIRST_BLOCKING_FAILURE:
        await notify_user(
            tx, caller.context, user_id, Kind.PASSCODES_FAILED, at=AT_STEP_UP, ended=after.session_is_over
        )


async def step_up_by_password(
    tx: AsyncConnection, caller: Caller, checked: PasswordUser, buckets: list[Bucket]
) -> Session:
    """Make the session of a user without authenticator fresh, after the password was verified.

    `checked` is the user with the hash that was verified; raises `Unauthenticated` if the user's `version` has
    changed since, or if the session has ended. The attempt that was counted in the `buckets` is undone.
    """
    account_id, user_id = caller.account_id, caller.user_id
    state = await second_factor.lock_state(tx, account_id, user_id)
    current = await users.find_by_id(tx, account_id, user_id)
    if state is None or current is None or current.version != checked.version:
        raise Unauthenticated("The password has changed meanwhile.", code="invalid_credentials")
    found = await repository.get_step_up(tx, account_id, user_id, caller.session_id, lock=True)
    if found is None:
        raise session_ended()
    amr = found.amr if PASSWORD in found.amr else (*found.amr, PASSWORD)
    session = await note_proof(tx, account_id, caller.session_id, amr=amr, first_factor_at=caller.now)
    await refund_password_attempt(tx, caller.context, buckets)
    return await _stepped_up(tx, caller, session, PASSWORD)


async def refuse_password(tx: AsyncConnection, caller: Caller) -> Refusal:
    """Record a wrong password and return the refusal."""
    await record_act(tx, caller, Event(EventType.PASSWORD_FAILED, "user", caller.user_id, {"at": AT_STEP_UP}))
    return Unauthenticated("The password is not correct.", code="invalid_credentials")


async def _stepped_up(tx: AsyncConnection, caller: Caller, session: Session | None, method: str) -> Session:
    if session is None:
        raise session_ended()
    proven = Event(EventType.SESSION_STEPPED_UP, "session", session.id, {"method": method})
    await record_act(tx, caller, proven)
    return session


def session_ended() -> Unauthenticated:
    """Return the refusal if the session ended while the request was being handled."""
    return Unauthenticated("The session has ended.")
