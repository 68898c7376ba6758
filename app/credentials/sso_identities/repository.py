"""Whom providers mean, in the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Update, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import second_factor_state, sso_identities, users


async def find_identity(tx: AsyncConnection, account_id: UUID, provider_id: UUID, subject: str) -> UUID | None:
    """Return the id of the user whom the provider means by the subject."""
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
    """Remember whom the provider means by the subject; False when one of the two means another already."""
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
    """Store by which id a provider knows the user; an `IntegrityError` says that it is taken."""
    await tx.execute(
        update(users)
        .where(users.c.account_id == account_id, users.c.id == user_id)
        .values(external_id=external_id)
    )
    await tx.execute(_state_of(account_id, user_id).values(provider_external_id=external_id))


async def note_address_proven(tx: AsyncConnection, account_id: UUID, user_id: UUID, *, now: datetime) -> bool:
    """Note that the user's address is proven; False when it was before."""
    query = (
        _state_of(account_id, user_id)
        .where(second_factor_state.c.address_proven_at.is_(None))
        .values(address_proven_at=now)
        .returning(second_factor_state.c.user_id)
    )
    return await tx.scalar(query) is not None


async def delete_identities(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> bool:
    """Forget whatever a provider has said about who the user is; False when there was nothing.

    An external id goes if it is still the one that a provider gave: an admin's stays.
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
