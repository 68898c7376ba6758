"""Making challenges and judging answers: only the latest challenge counts, and only once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.core.errors import Conflict, NotFound, Refusal
from app.core.ids import new_id
from app.crypto.sealing import Sealer
from app.second_factor import repository as second_factor
from app.second_factor.challenges import repository
from app.second_factor.challenges.rules import Challenge, ChallengeContext
from app.second_factor.kinds.kind import Kind, OpenedAuthenticator
from app.second_factor.kinds.registry import find_kind
from app.second_factor.rules import Authenticator
from app.second_factor.use_cases import Proof, already_used, decrypt_secrets, incorrect, judge_answer


@dataclass(frozen=True)
class IssuedChallenge:
    """A challenge for the client to answer; `shown` has the fields that its kind adds."""

    authenticator_id: UUID
    kind: str
    expires_at: datetime
    shown: Mapping[str, Any]


def challenge_kind(authenticator: Authenticator) -> Kind | None:
    """Return the authenticator's kind if that kind uses challenges, else None."""
    kind = find_kind(authenticator.kind)
    return kind if kind and kind.challenge_lifetime else None


async def issue_challenge(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    user_id: UUID,
    known: Sequence[Authenticator],
    authenticator_id: UUID,
    asked_in: ChallengeContext,
) -> IssuedChallenge:
    """Make a challenge for one of the user's authenticators; the caller holds the lock.

    It replaces the previous challenge of the same sign-in or session. Raises `NotFound` for an authenticator that
    is not the user's, `Conflict` if its kind uses no challenges or its secret does not decrypt.
    """
    found = next((mine for mine in known if mine.id == authenticator_id), None)
    if found is None:
        raise NotFound("There is no such authenticator.")
    kind = challenge_kind(found)
    opened = decrypt_secrets(sealer, context.account_id, user_id, [found])
    if kind is None or kind.challenge_lifetime is None or not opened:
        raise Conflict("This authenticator answers without a challenge.")
    new = kind.new_challenge(OpenedAuthenticator(found.id, opened[0][1], found.counter))
    challenge = Challenge(found.id, new.data, context.now + kind.challenge_lifetime)
    await repository.add_challenge(tx, context.account_id, new_id(context.now), asked_in, challenge)
    return IssuedChallenge(found.id, kind.name, challenge.expires_at, new.shown)


async def judge_challenge_answer(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    user_id: UUID,
    authenticator: Authenticator,
    asked_in: ChallengeContext,
    given: str,
) -> Proof | Refusal:
    """Delete the challenge of this sign-in or session, and judge the answer to it.

    The caller holds the lock. A refusal is returned, not raised, so that the deletion is committed. A failure is
    not counted here.
    """
    challenge = await repository.take_challenge(tx, context.account_id, asked_in)
    if challenge is None or challenge.authenticator_id != authenticator.id or not challenge.is_open(context.now):
        return incorrect()
    verdict = judge_answer(context, sealer, user_id, authenticator, given, challenge.data)
    if isinstance(verdict, Refusal):
        return verdict
    if not await second_factor.store_accepted(tx, context.account_id, verdict.accepted, now=context.now):
        return already_used()
    return Proof(verdict.kind.amr)
