"""The sign-ins in the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ScalarSelect, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import sign_ins
from app.sign_in.rules import NextStep, SignIn


async def add_sign_in(
    tx: AsyncConnection, account_id: UUID, sign_in: SignIn, token_digest: bytes, *, now: datetime
) -> None:
    """Store a new sign-in."""
    await tx.execute(
        insert(sign_ins).values(
            account_id=account_id,
            id=sign_in.id,
            user_id=sign_in.user_id,
            token_digest=token_digest,
            next_step=sign_in.next_step.value,
            version=sign_in.version,
            created_at=now,
            expires_at=sign_in.expires_at,
            asserted_by=sign_in.asserted_by,
        )
    )


def user_of_token(account_id: UUID, token_digest: bytes) -> ScalarSelect[UUID]:
    """Return the subquery for the user whose sign-in the token holds, used or not."""
    return (
        select(sign_ins.c.user_id)
        .where(sign_ins.c.account_id == account_id, sign_ins.c.token_digest == token_digest)
        .scalar_subquery()
    )


async def find_sign_in(tx: AsyncConnection, account_id: UUID, token_digest: bytes) -> SignIn | None:
    """Return the sign-in that the token holds, used or not."""
    query = select(
        sign_ins.c.id,
        sign_ins.c.user_id,
        sign_ins.c.next_step,
        sign_ins.c.version,
        sign_ins.c.expires_at,
        sign_ins.c.used_at,
        sign_ins.c.asserted_by,
    ).where(sign_ins.c.account_id == account_id, sign_ins.c.token_digest == token_digest)
    row = (await tx.execute(query)).one_or_none()
    return SignIn(row.id, row.user_id, NextStep(row.next_step), *row[3:]) if row else None


async def use_sign_in(tx: AsyncConnection, account_id: UUID, sign_in_id: UUID, *, now: datetime) -> bool:
    """Mark the sign-in used; False when it was used before."""
    query = (
        update(sign_ins)
        .where(sign_ins.c.account_id == account_id, sign_ins.c.id == sign_in_id, sign_ins.c.used_at.is_(None))
        .values(used_at=now)
        .returning(sign_ins.c.id)
    )
    return await tx.scalar(query) is not None
