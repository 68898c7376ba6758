"""SQL for recovery codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.base import param
from app.database.statements import PrecompiledStatement
from app.database.tables import recovery_code_sets, recovery_codes


@dataclass(frozen=True)
class CodeSet:
    """The salt and Argon2id parameters with which the codes of a user's set are hashed."""

    id: UUID
    salt: bytes
    parameters: str


async def find_set(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> CodeSet | None:
    """Return the user's current set; None if there is none."""
    query = select(recovery_code_sets.c.id, recovery_code_sets.c.salt, recovery_code_sets.c.parameters).where(
        recovery_code_sets.c.account_id == account_id, recovery_code_sets.c.user_id == user_id
    )
    row = (await tx.execute(query)).one_or_none()
    return CodeSet(*row) if row else None


async def replace_set(
    tx: AsyncConnection,
    account_id: UUID,
    user_id: UUID,
    code_set: CodeSet,
    digests: Sequence[bytes],
    *,
    now: datetime,
) -> None:
    """Store this set of codes for the user; the previous set is deleted."""
    await remove_set(tx, account_id, user_id)
    await tx.execute(
        insert(recovery_code_sets).values(
            account_id=account_id,
            id=code_set.id,
            user_id=user_id,
            salt=code_set.salt,
            parameters=code_set.parameters,
            created_at=now,
        )
    )
    await tx.execute(
        insert(recovery_codes),
        [{"account_id": account_id, "set_id": code_set.id, "digest": digest} for digest in digests],
    )


async def remove_set(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> None:
    """Delete the user's recovery codes."""
    await tx.execute(
        delete(recovery_code_sets).where(
            recovery_code_sets.c.account_id == account_id, recovery_code_sets.c.user_id == user_id
        )
    )


async def spend(tx: AsyncConnection, account_id: UUID, set_id: UUID, digest: bytes, *, now: datetime) -> bool:
    """Mark the code as used; False if it is not in this set or was used before."""
    query = (
        update(recovery_codes)
        .where(
            recovery_codes.c.account_id == account_id,
            recovery_codes.c.set_id == set_id,
            recovery_codes.c.digest == digest,
            recovery_codes.c.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(recovery_codes.c.set_id)
    )
    return await tx.scalar(query) is not None


async def is_known(tx: AsyncConnection, account_id: UUID, set_id: UUID, digest: bytes) -> bool:
    """Whether the code is in this set, used or not."""
    query = select(recovery_codes.c.set_id).where(
        recovery_codes.c.account_id == account_id,
        recovery_codes.c.set_id == set_id,
        recovery_codes.c.digest == digest,
    )
    return await tx.scalar(query) is not None


_LEFT = PrecompiledStatement(
    select(func.count())
    .select_from(recovery_codes)
    .join(
        recovery_code_sets,
        (recovery_code_sets.c.account_id == recovery_codes.c.account_id)
        & (recovery_code_sets.c.id == recovery_codes.c.set_id),
    )
    .where(
        recovery_code_sets.c.account_id == param(recovery_code_sets.c.account_id),
        recovery_code_sets.c.user_id == param(recovery_code_sets.c.user_id, "user_id"),
        recovery_codes.c.used_at.is_(None),
    )
)


async def count_left(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> int:
    """Return how many unused codes the user has."""
    left: int = await _LEFT.value(tx, {"given_account_id": account_id, "user_id": user_id})
    return left
