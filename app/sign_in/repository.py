"""The sign-ins in the database."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.base import given
from app.database.tables import security_policies, sign_ins, users
from app.sign_in.rules import NextStep, SignIn

_COLUMNS = [
    sign_ins.c.id,
    sign_ins.c.user_id,
    sign_ins.c.next_step,
    sign_ins.c.version,
    sign_ins.c.expires_at,
    sign_ins.c.used_at,
    sign_ins.c.asserted_by,
]
_ADD = insert(sign_ins)
_FIND = (
    select(*_COLUMNS, users.c.status, security_policies.c.trusted_device_days)
    .join_from(sign_ins, users, (users.c.account_id == sign_ins.c.account_id) & (users.c.id == sign_ins.c.user_id))
    .join(security_policies, security_policies.c.account_id == sign_ins.c.account_id)
    .where(
        sign_ins.c.account_id == given(sign_ins.c.account_id),
        sign_ins.c.token_digest == given(sign_ins.c.token_digest),
    )
)
_USE = (
    update(sign_ins)
    .where(
        sign_ins.c.account_id == given(sign_ins.c.account_id),
        sign_ins.c.id == given(sign_ins.c.id),
        sign_ins.c.used_at.is_(None),
    )
    .values(used_at=given(sign_ins.c.used_at))
    .returning(sign_ins.c.id)
)


@dataclass(frozen=True)
class FoundSignIn:
    """A sign-in, with the status of its user and for how many days the account's policy trusts a device."""

    sign_in: SignIn
    status: str
    trusted_device_days: int


async def add_sign_in(
    tx: AsyncConnection, account_id: UUID, sign_in: SignIn, token_digest: bytes, *, now: datetime
) -> None:
    """Store a new sign-in."""
    values = vars(sign_in) | {
        "account_id": account_id,
        "token_digest": token_digest,
        "next_step": sign_in.next_step.value,
        "created_at": now,
    }
    await tx.execute(_ADD, values)


async def find_sign_in(tx: AsyncConnection, account_id: UUID, token_digest: bytes) -> FoundSignIn | None:
    """Return the sign-in that the token holds, used or not."""
    values = {"given_account_id": account_id, "given_token_digest": token_digest}
    row = (await tx.execute(_FIND, values)).one_or_none()
    if row is None:
        return None
    id_, user_id, step, *rest, status, days = row
    return FoundSignIn(SignIn(id_, user_id, NextStep(step), *rest), status, days)


async def use_sign_in(tx: AsyncConnection, account_id: UUID, sign_in_id: UUID, *, now: datetime) -> bool:
    """Mark the sign-in used; False when it was used before."""
    values = {"given_account_id": account_id, "given_id": sign_in_id, "given_used_at": now}
    return await tx.scalar(_USE, values) is not None
