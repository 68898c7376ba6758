"""Actions of admins and the owner on other users, and redeeming the links that result."""

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok

NEW_PASSWORD = "another long enough password"
MOVED = "moved@example.com"


async def change(by: SimulatedUser, whom: SimulatedUser, **changes: str) -> None:
    ok(await by.browser.patch(f"/users/{whom.id}", json=changes))


async def hand_over(owner: SimulatedUser, heir: SimulatedUser) -> None:
    ok(await owner.browser.post("/ownership", json={"user_id": heir.id}))


async def confirm(tenant: Tenant, token: str) -> int:
    return (await tenant.browser().post("/email-confirmations", json={"token": token})).status_code


async def redeem(tenant: Tenant, token: str) -> int:
    body = {"token": token, "new_password": NEW_PASSWORD}
    return (await tenant.browser().post("/password-links/redemption", json=body)).status_code
