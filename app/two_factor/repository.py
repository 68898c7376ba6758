"""Renaming and removing authenticators in the database."""

from uuid import UUID

from sqlalchemy import delete, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import authenticators
from app.second_factor.repository import AUTHENTICATOR_COLUMNS
from app.second_factor.rules import Authenticator


async def rename_authenticator(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, authenticator_id: UUID, label: str | None
) -> Authenticator | None:
    """Change the label, if one is given; None when the user has no such authenticator."""
    query = (
        update(authenticators)
        .where(
            authenticators.c.account_id == account_id,
            authenticators.c.user_id == user_id,
            authenticators.c.id == authenticator_id,
        )
        .values(label=func.coalesce(label, authenticators.c.label))
        .returning(*AUTHENTICATOR_COLUMNS)
    )
    row = (await tx.execute(query)).one_or_none()
    return Authenticator(*row) if row else None


async def remove_authenticators(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, authenticator_ids: list[UUID]
) -> None:
    """Delete these authenticators of the user."""
    await tx.execute(
        delete(authenticators).where(
            authenticators.c.account_id == account_id,
            authenticators.c.user_id == user_id,
            authenticators.c.id.in_(authenticator_ids),
        )
    )
