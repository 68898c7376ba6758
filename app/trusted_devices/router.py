"""HTTP for one's own trusted devices."""

from fastapi import APIRouter

from app.trusted_devices import repository, use_cases
from app.trusted_devices.schemas import TrustedDevice
from app.web.caller import Owner, Signed
from app.web.dependencies import AppServices
from app.web.pages import Page, Paged
from app.web.problems import problems
from app.web.routes import AccountRoute
from app.web.wire import PathId

router = APIRouter(tags=["trusted devices"], route_class=AccountRoute)


@router.get("/users/me/trusted-devices", operation_id="listMyTrustedDevices", responses=problems(401, 422))
async def list_my_trusted_devices(
    services: AppServices, caller: Signed, owner: Owner, page: Paged
) -> Page[TrustedDevice]:
    """List the browsers and apps in which I am not asked for a passcode, newest first."""
    days = owner.policy.trusted_device_days
    async with services.database.read() as tx:
        rows = await repository.list_devices(
            tx,
            caller.account_id,
            caller.user_id,
            policy_days=days,
            now=caller.now,
            before=page.before,
            limit=page.fetch,
        )
    shown, cursor = page.cut(rows)
    items = [
        TrustedDevice(
            id=found.id,
            created_at=found.trusted_at,
            last_used_at=found.last_used_at,
            expires_at=found.expires_at(days),
            ip=found.ip,
            user_agent=found.user_agent,
        )
        for found in shown
    ]
    return Page(items=items, next_cursor=cursor)


@router.delete(
    "/users/me/trusted-devices", status_code=204, operation_id="revokeMyTrustedDevices", responses=problems(401)
)
async def revoke_my_trusted_devices(services: AppServices, caller: Signed) -> None:
    """Ask for a passcode again on all my devices."""
    async with services.database.begin() as tx:
        await use_cases.revoke_my_devices(tx, caller)


@router.delete(
    "/users/me/trusted-devices/{device_id}",
    status_code=204,
    operation_id="revokeMyTrustedDevice",
    responses=problems(401, 404),
)
async def revoke_my_trusted_device(services: AppServices, caller: Signed, device_id: PathId) -> None:
    """Ask for a passcode again on one of my devices."""
    async with services.database.begin() as tx:
        await use_cases.revoke_my_device(tx, caller, device_id)
