"""HTTP for the user's own trusted devices."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.authentication.allow import Owner, SessionCaller
from app.authentication.context import Cookies
from app.authentication.routes import AccountRoute
from app.core.callers import Caller
from app.second_factor.trusted_devices import repository, rules, use_cases
from app.second_factor.trusted_devices.schemas import TrustedDevice
from app.services import Services
from app.web.dependencies import AppServices
from app.web.pages import Page, Paged, PageRequest
from app.web.wire import PathId

router = APIRouter(tags=["trusted devices"], route_class=AccountRoute)


def _show_device(device: rules.TrustedDevice, policy_days: int) -> TrustedDevice:
    """Return the answer schema of a device."""
    return TrustedDevice(
        id=device.id,
        created_at=device.trusted_at,
        last_used_at=device.last_used_at,
        expires_at=device.expires_at(policy_days),
        ip=device.ip,
        user_agent=device.user_agent,
    )


async def show_devices(
    services: Services, caller: Caller, user_id: UUID, page: PageRequest, *, policy_days: int
) -> Page[TrustedDevice]:
    """Return a page of a user's trusted devices, newest first."""
    async with services.database.read() as tx:
        rows = await repository.list_devices(
            tx,
            caller.account_id,
            user_id,
            policy_days=policy_days,
            now=caller.now,
            before=page.before,
            limit=page.fetch,
        )
    shown, cursor = page.cut(rows)
    return Page(items=[_show_device(found, policy_days) for found in shown], next_cursor=cursor)


@router.get("/users/me/trusted-devices", operation_id="listMyTrustedDevices")
async def list_my_trusted_devices(
    services: AppServices, caller: SessionCaller, owner: Owner, page: Paged
) -> Page[TrustedDevice]:
    """List the browsers and apps in which I need no passcode, newest first."""
    days = owner.policy.trusted_device_days
    return await show_devices(services, caller, caller.user_id, page, policy_days=days)


@router.delete("/users/me/trusted-devices", status_code=204, operation_id="revokeMyTrustedDevices")
async def revoke_my_trusted_devices(
    services: AppServices, caller: SessionCaller, cookies: Cookies, response: Response
) -> None:
    """Revoke all my trusted devices: each needs a passcode again."""
    async with services.database.begin() as tx:
        await use_cases.revoke_my_devices(tx, caller)
    for cookie in cookies.expire_headers(caller.user_id):
        response.headers.append("Set-Cookie", cookie)


@router.delete("/users/me/trusted-devices/{device_id}", status_code=204, operation_id="revokeMyTrustedDevice")
async def revoke_my_trusted_device(
    services: AppServices, caller: SessionCaller, cookies: Cookies, response: Response, device_id: PathId
) -> None:
    """Revoke one of my trusted devices: it needs a passcode again."""
    async with services.database.begin() as tx:
        await use_cases.revoke_my_device(tx, caller, device_id)
    for cookie in cookies.expire_headers(caller.user_id, device_id):
        response.headers.append("Set-Cookie", cookie)
