"""Trusting a device, checking whether a device is trusted, and revoking trust."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.core.callers import Caller, RequestContext
from app.core.errors import NotFound
from app.core.ids import new_id
from app.crypto.digests import digest
from app.delivery.letters import Kind, notify_user
from app.second_factor.trusted_devices import repository
from app.second_factor.trusted_devices.rules import DeviceToken, Trust, TrustedDevice, is_trusted, new_device_token


async def find_trusted(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, tokens: Iterable[DeviceToken], *, policy_days: int
) -> TrustedDevice | None:
    """Return the trusted device that one of the tokens identifies; None if there is none."""
    for token in tokens:
        device = await repository.find_device(tx, context.account_id, user_id, token.device_id)
        if device and is_trusted(device, token, policy_days=policy_days, now=context.now):
            return device
    return None


def new_trusted_device(context: RequestContext, user_id: UUID, *, days: int) -> Trust:
    """Return a new device trusted for `days`, to be stored, with the token for the client."""
    token = new_device_token(new_id(context.now))
    device = TrustedDevice(
        id=token.device_id,
        user_id=user_id,
        secret_digest=digest(token.secret),
        trusted_at=context.now,
        days=days,
        last_used_at=None,
        ip=context.ip,
        user_agent=context.user_agent,
    )
    return Trust(device, token, device.expires_at(days), days)


async def find_replaced(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, tokens: Iterable[DeviceToken]
) -> list[UUID]:
    """Return the ids of the devices that valid tokens identify; a new device replaces them."""
    found = []
    for old in tokens:
        device = await repository.find_device(tx, context.account_id, user_id, old.device_id)
        if device and is_trusted(device, old, policy_days=device.days, now=context.now):
            found.append(device.id)
    return found


async def trust_my_device(tx: AsyncConnection, caller: Caller, *, days: int) -> Trust:
    """Trust the caller's device for `days`: store it, record it, notify the caller by e-mail."""
    trust = new_trusted_device(caller.context, caller.user_id, days=days)
    await repository.add_device(tx, caller.account_id, trust.device)
    await record_act(tx, caller, Event(EventType.TRUSTED_DEVICE_ADDED, "trusted_device", trust.device.id))
    await notify_user(tx, caller.context, caller.user_id, Kind.TRUSTED_DEVICE_ADDED, days=days)
    return trust


async def revoke_all(tx: AsyncConnection, account_id: UUID, user_id: UUID, *, because: str) -> list[Event]:
    """Revoke every trusted device of the user; returns the event to record, if any was revoked."""
    revoked = await repository.delete_devices(tx, account_id, user_id)
    if not revoked:
        return []
    details = {"devices": revoked, "because": because}
    return [Event(EventType.TRUSTED_DEVICE_REVOKED, "user", user_id, details)]


async def revoke_my_devices(tx: AsyncConnection, caller: Caller) -> None:
    """Revoke every trusted device of the caller."""
    events = await revoke_all(tx, caller.account_id, caller.user_id, because="revoked by the user")
    await record_act(tx, caller, *events)


async def revoke_my_device(tx: AsyncConnection, caller: Caller, device_id: UUID) -> None:
    """Revoke one trusted device of the caller; raises `NotFound`."""
    if not await repository.delete_device(tx, caller.account_id, caller.user_id, device_id):
        raise NotFound
    await record_act(tx, caller, Event(EventType.TRUSTED_DEVICE_REVOKED, "trusted_device", device_id))
