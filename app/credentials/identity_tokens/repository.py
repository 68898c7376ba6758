"""The signing keys in the database."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ids import NIL_ID
from app.database.base import is_any_of
from app.database.tables import signing_keys


class SealedKey(NamedTuple):
    """A signing key as stored, with its private key encrypted."""

    id: UUID
    generation: int
    signs_from: datetime
    sealed_private_key: bytes


async def list_keys(tx: AsyncConnection) -> list[SealedKey]:
    """Return all keys, oldest first."""
    columns = [signing_keys.c[name] for name in SealedKey._fields]
    query = select(*columns).where(signing_keys.c.account_id == NIL_ID).order_by(signing_keys.c.generation)
    return [SealedKey(*row) for row in await tx.execute(query)]


async def add_key(tx: AsyncConnection, key: SealedKey) -> None:
    """Store a key, unless another instance has already stored one of this generation."""
    values = {"account_id": NIL_ID, **key._asdict()}
    await tx.execute(insert(signing_keys).values(values).on_conflict_do_nothing())


async def delete_keys(tx: AsyncConnection, ids: Collection[UUID]) -> None:
    """Delete keys."""
    await tx.execute(
        delete(signing_keys).where(
            signing_keys.c.account_id == NIL_ID, is_any_of([signing_keys.c.id], [(id_,) for id_ in ids])
        )
    )
