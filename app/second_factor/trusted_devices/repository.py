"""SQL for trusted devices."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.base import param
from app.database.statements import PrecompiledStatement
from app.database.tables import trusted_devices
from app.second_factor.trusted_devices.rules import TrustedDevice

_COLUMNS = [
    trusted_devices.c.id,
    trusted_devices.c.user_id,
    trusted_devices.c.secret_digest,
    trusted_devices.c.trusted_at,
    trusted_devices.c.days,
    trusted_devices.c.last_used_at,
    trusted_devices.c.ip,
    trusted_devices.c.user_agent,
]


_FIND = PrecompiledStatement(
    select(*_COLUMNS).where(
        trusted_devices.c.account_id == param(trusted_devices.c.account_id),
        trusted_devices.c.id == param(trusted_devices.c.id),
        trusted_devices.c.user_id == param(trusted_devices.c.user_id),
    )
)


async def find_device(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, device_id: UUID
) -> TrustedDevice | None:
    """Return the user's device with this id, even if its trust has expired."""
    values = {"given_account_id": account_id, "given_id": device_id, "given_user_id": user_id}
    row = await _FIND.row(tx, values)
    return TrustedDevice(*row) if row else None


async def add_device(tx: AsyncConnection, account_id: UUID, device: TrustedDevice) -> None:
    """Store a newly trusted device."""
    await tx.execute(insert(trusted_devices).values(account_id=account_id, **vars(device)))


async def touch(tx: AsyncConnection, account_id: UUID, device_id: UUID, *, now: datetime) -> None:
    """Store that a sign-in used the device."""
    await tx.execute(
        update(trusted_devices)
        .where(trusted_devices.c.account_id == account_id, trusted_devices.c.id == device_id)
        .values(last_used_at=now)
    )


async def delete_device(tx: AsyncConnection, account_id: UUID, user_id: UUID, device_id: UUID) -> bool:
    """Delete one device of the user; False if there is none with this id."""
    query = (
        delete(trusted_devices)
        .where(
            trusted_devices.c.account_id == account_id,
            trusted_devices.c.user_id == user_id,
            trusted_devices.c.id == device_id,
        )
        .returning(trusted_devices.c.id)
    )
    return await tx.scalar(query) is not None


async def delete_devices(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> int:
    """Delete every device of the user, and return how many there were."""
    query = delete(trusted_devices).where(
        trusted_devices.c.account_id == account_id, trusted_devices.c.user_id == user_id
    )
    return (await tx.execute(query)).rowcount


def _is_trusted_now(account_id: UUID, user_id: UUID, policy_days: int, now: datetime) -> list[ColumnElement[bool]]:
    days = func.least(trusted_devices.c.days, policy_days)
    return [
        trusted_devices.c.account_id == account_id,
        trusted_devices.c.user_id == user_id,
        trusted_devices.c.trusted_at + func.make_interval(0, 0, 0, days) > now,
    ]


async def count_devices(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, *, policy_days: int, now: datetime
) -> int:
    """Return the number of the user's devices that may skip the passcode now."""
    query = (
        select(func.count())
        .select_from(trusted_devices)
        .where(*_is_trusted_now(account_id, user_id, policy_days, now))
    )
    return await tx.scalar(query) or 0


async def list_devices(
    tx: AsyncConnection,
    account_id: UUID,
    user_id: UUID,
    *,
    policy_days: int,
    now: datetime,
    before: UUID | None,
    limit: int,
) -> list[TrustedDevice]:
    """Return the devices that may skip the passcode now, newest first, with ids below `before`."""
    query = (
        select(*_COLUMNS)
        .where(*_is_trusted_now(account_id, user_id, policy_days, now))
        .order_by(trusted_devices.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(trusted_devices.c.id < before)
    return [TrustedDevice(*row) for row in await tx.execute(query)]
