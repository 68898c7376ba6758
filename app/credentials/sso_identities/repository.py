"""The SSO identities in the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Update, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import second_factor_state, sso_identities, users


async def find_identity(tx: AsyncConnection, account_id: UUID, provider_id: UUID, subject: str) -> UUID | None:
    """Return the id of the user who is linked to the provider's subject."""
    query = select(sso_identities.c.user_id).where(
        sso_identities.c.account_id == account_id,
        sso_identities.c.provider_id == provider_id,
        sso_identities.c.subject == subject,
    )
    return await tx.scalar(query)


async def add_identity(
    tx: AsyncConnection,
    account_id: UUID,
    id_: UUID,
    provider_id: UUID,
    subject: str,
    user_id: UUID,
    *,
    now: datetime,
) -> bool:
    """Link the provider's subject to the user; False if either of them is already linked."""
    query = (
        upsert(sso_identities)
        .values(
            account_id=account_id,
            id=id_,
            provider_id=provider_id,
            subject=subject,
            user_id=user_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(sso_identities.c.id)
    )
    return await tx.scalar(query) is not None


async def store_external_id(tx: AsyncConnection, account_id: UUID, user_id: UUID, external_id: str) -> None:
    """Store the user's external id from a provider; raises `IntegrityError` if it is taken."""
    await tx.execute(
        update(users)
        .where(users.c.account_id == account_id, users.c.id == user_id)
        .values(external_id=external_id)
    )
    await tx.execute(_state_of(account_id, user_id).values(provider_external_id=external_id))


async def note_address_proven(tx: AsyncConnection, account_id: UUID, user_id: UUID, *, now: datetime) -> bool:
    """Mark the user's e-mail address as verified; False if it already was."""
    query = (
        _state_of(account_id, user_id)
        .where(second_factor_state.c.address_proven_at.is_(None))
        .values(address_proven_at=now)
        .returning(second_factor_state.c.user_id)
    )
    return await tx.scalar(query) is not None


async def delete_identities(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> bool:
    """Delete the user's SSO identities and external id; False if there was nothing to delete.

    The external id is deleted only if it is the one from a provider. One that an admin has set stays.
    """
    identities = await tx.execute(
        delete(sso_identities).where(
            sso_identities.c.account_id == account_id, sso_identities.c.user_id == user_id
        )
    )
    external_id = await tx.execute(
        update(users)
        .where(
            users.c.account_id == account_id,
            users.c.id == user_id,
            second_factor_state.c.account_id == account_id,
            second_factor_state.c.user_id == user_id,
            users.c.external_id == second_factor_state.c.provider_external_id,
        )
        .values(external_id=None)
    )
    await tx.execute(_state_of(account_id, user_id).values(provider_external_id=None))
    return bool(identities.rowcount + external_id.rowcount)


def _state_of(account_id: UUID, user_id: UUID) -> Update:
    return update(second_factor_state).where(
        second_factor_state.c.account_id == account_id, second_factor_state.c.user_id == user_id
    )
