"""SQL for challenges. Callers that store or remove one hold the lock of the user's state."""

from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import challenges
from app.second_factor.challenges.rules import Challenge, ChallengeContext

_COLUMNS = [challenges.c.authenticator_id, challenges.c.data, challenges.c.expires_at]


def _in(account_id: UUID, asked: ChallengeContext) -> list[ColumnElement[bool]]:
    where = (
        challenges.c.session_id == asked.session_id
        if asked.sign_in_id is None
        else challenges.c.sign_in_id == asked.sign_in_id
    )
    return [challenges.c.account_id == account_id, where]


async def add_challenge(
    tx: AsyncConnection, account_id: UUID, challenge_id: UUID, asked: ChallengeContext, challenge: Challenge
) -> None:
    """Store a challenge; it replaces the previous one of the same sign-in or session."""
    await tx.execute(delete(challenges).where(*_in(account_id, asked)))
    values = vars(asked) | vars(challenge)
    await tx.execute(insert(challenges).values(account_id=account_id, id=challenge_id, **values))


async def find_challenge(tx: AsyncConnection, account_id: UUID, asked: ChallengeContext) -> Challenge | None:
    """Return the challenge of this sign-in or session, even if it has expired."""
    row = (await tx.execute(select(*_COLUMNS).where(*_in(account_id, asked)))).one_or_none()
    return Challenge(*row) if row else None


async def take_challenge(tx: AsyncConnection, account_id: UUID, asked: ChallengeContext) -> Challenge | None:
    """Delete and return the challenge of this sign-in or session: only one answer can use it."""
    query = delete(challenges).where(*_in(account_id, asked)).returning(*_COLUMNS)
    row = (await tx.execute(query)).one_or_none()
    return Challenge(*row) if row else None
