"""Creating the challenge of a sign-in, and judging its answer once."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record
from app.audit.rules import Actor, Event, EventType
from app.core.callers import RequestContext
from app.core.errors import Refusal
from app.crypto.sealing import Sealer
from app.database.engine import Database
from app.second_factor import repository as second_factor
from app.second_factor.challenges.rules import ChallengeContext
from app.second_factor.challenges.use_cases import (
    IssuedChallenge,
    challenge_kind,
    issue_challenge,
    judge_challenge_answer,
)
from app.second_factor.kinds.kind import Kind
from app.second_factor.kinds.registry import kinds_with_challenge
from app.second_factor.passcode import SixDigits
from app.second_factor.rules import Authenticator
from app.second_factor.trusted_devices.use_cases import find_replaced
from app.second_factor.use_cases import AT_SIGN_IN, Attempt, Proof, count_failure, refusal_of
from app.sign_in.completing import complete_with_second_factor, expired
from app.sign_in.outcomes import Completed, Device
from app.sign_in.repository import FoundSignIn
from app.sign_in.use_cases import check_waiting, find_open_sign_in


async def ask_in_sign_in(
    tx: AsyncConnection, context: RequestContext, sealer: Sealer, sign_in_token: str, authenticator_id: UUID
) -> IssuedChallenge:
    """Create a challenge for an authenticator of the user who signs in.

    Raises `Unauthenticated` (`sign_in_expired`), `Conflict` and `NotFound`. The throttle is not checked here but
    when the answer comes.
    """
    found, known = await lock_sign_in(tx, context, sign_in_token)
    asked_in = ChallengeContext(sign_in_id=found.sign_in.id)
    return await issue_challenge(tx, context, sealer, found.sign_in.user_id, known, authenticator_id, asked_in)


async def answer_challenge(
    database: Database,
    context: RequestContext,
    sealer: Sealer,
    sign_in_token: str,
    attempt: Attempt,
    device: Device,
) -> Completed | Refusal | None:
    """Complete the sign-in if the answer to its challenge is right; end the challenge anyway.

    Returns None if the attempt names no authenticator whose kind has challenges: then it is a passcode. The
    refusal of a wrong answer is returned, not raised, so that its changes are committed. The failure is counted if
    the kind is guessable.
    """
    given = attempt.passcode
    if attempt.authenticator_id is None or not isinstance(given, SixDigits) or not kinds_with_challenge():
        return None
    async with database.begin() as tx:
        found, known = await lock_sign_in(tx, context, sign_in_token)
        named = next((one for one in known if one.id == attempt.authenticator_id), None)
        kind = challenge_kind(named) if named else None
        if named is None or kind is None:
            return None
        if kind.guessable and (refusal := refusal_of(found.state, context, attempt)):
            return refusal
        proof = await _judge(tx, context, sealer, found, kind, named, given.digits)
        if isinstance(proof, Refusal):
            return proof
        user_id = found.sign_in.user_id
        completed = await complete_with_second_factor(
            tx,
            context,
            found,
            found.state,
            method=proof.method,
            device=device,
            replaces=await find_replaced(tx, context, user_id, device.tokens_of(user_id)),
        )
        if completed is None:
            raise expired()
        return completed


async def lock_sign_in(
    tx: AsyncConnection, context: RequestContext, sign_in_token: str
) -> tuple[FoundSignIn, list[Authenticator]]:
    """Lock the state of the user who signs in; return the sign-in and the authenticators.

    Raises as `check_waiting`.
    """
    user_id = (await find_open_sign_in(tx, context, sign_in_token)).sign_in.user_id
    await second_factor.lock_state(tx, context.account_id, user_id)
    found = await find_open_sign_in(tx, context, sign_in_token)  # read again, now under the lock
    known = await second_factor.list_authenticators(tx, context.account_id, user_id)
    return check_waiting((found, known), context)


async def _judge(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    found: FoundSignIn,
    kind: Kind,
    named: Authenticator,
    given: str,
) -> Proof | Refusal:
    account_id, user_id = context.account_id, found.sign_in.user_id
    asked_in = ChallengeContext(sign_in_id=found.sign_in.id)
    proof = await judge_challenge_answer(tx, context, sealer, user_id, named, asked_in, given)
    if isinstance(proof, Proof):
        if kind.guessable:
            await second_factor.reset_failures(tx, account_id, user_id, now=context.now)
        else:  # the throttle applies only to guessable kinds, so its state stays as it is
            await second_factor.change_state(tx, account_id, user_id, last_passcode_at=context.now)
    elif kind.guessable:
        await count_failure(tx, context, user_id, found.state, proof)
    else:
        details = {"at": AT_SIGN_IN, "authenticator_id": str(named.id)}
        await record(tx, context, Actor(user_id, None), Event(EventType.PASSCODE_FAILED, "user", user_id, details))
    return proof
