"""A pending change of address ends when its requester loses the authority for it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authority import MOVED, change, confirm, hand_over, redeem
from tests.support.account.client import ok, refused
from tests.support.observe.locks import locked, until_waiting
from tests.support.observe.mailbox import Mailbox, empty_mailbox, token_in


@pytest.fixture
async def mailbox(tenant: Tenant) -> Mailbox:
    return await empty_mailbox(tenant)


async def give_ownership(_: Tenant, owner: SimulatedUser, __: SimulatedUser, target: SimulatedUser) -> None:
    await hand_over(owner, target)


async def demote(_: Tenant, owner: SimulatedUser, admin: SimulatedUser, __: SimulatedUser) -> None:
    await change(owner, admin, role="agent")


async def demote_and_promote(_: Tenant, owner: SimulatedUser, admin: SimulatedUser, __: SimulatedUser) -> None:
    await change(owner, admin, role="agent")
    await change(owner, admin, role="admin")


async def suspend_and_undo(_: Tenant, owner: SimulatedUser, admin: SimulatedUser, __: SimulatedUser) -> None:
    await change(owner, admin, status="suspended")
    await change(owner, admin, status="active")


async def delete(_: Tenant, owner: SimulatedUser, admin: SimulatedUser, __: SimulatedUser) -> None:
    ok(await owner.browser.delete(f"/users/{admin.id}"), 204)


async def change_the_target(_: Tenant, owner: SimulatedUser, __: SimulatedUser, target: SimulatedUser) -> None:
    await change(owner, target, role="agent")


Ending = Callable[[Tenant, SimulatedUser, SimulatedUser, SimulatedUser], Awaitable[None]]
ENDINGS: list[Ending] = [give_ownership, demote, demote_and_promote, suspend_and_undo, delete, change_the_target]


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
async def test_a_pending_change_of_address_ends_with_the_authority_of_its_requester(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox, ending: Ending
) -> None:
    admin, target = await tenant.signed_in(Role.ADMIN), await tenant.signed_in(Role.ADMIN)
    await change(admin, target, email=MOVED)
    token = await mailbox.token(MOVED)

    await ending(tenant, owner, admin, target)

    assert await confirm(tenant, token) == 410
    assert (await tenant.sign_in(target, tenant.browser()))["status"] == "complete"  # by the old address


async def test_a_role_changed_during_a_confirmation_is_seen_under_the_lock(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    admin, target = await tenant.signed_in(Role.ADMIN), await tenant.signed_in(Role.ADMIN)
    await change(admin, target, email=MOVED)
    token = await mailbox.token(MOVED)

    async with locked(tenant, target):
        handing_over = asyncio.create_task(owner.browser.post("/ownership", json={"user_id": target.id}))
        await until_waiting(tenant.services.database, 1)
        confirming = asyncio.create_task(confirm(tenant, token))
        await until_waiting(tenant.services.database, 2)

    ok(await handing_over)
    assert await confirming == 410


async def test_the_old_address_is_notified_at_once_and_can_stop_the_change(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    target = await tenant.person()
    await change(owner, target, email=MOVED)

    letters = dict(await mailbox.read())
    [notice] = [text for to, text in letters.items() if target.user.email in to]
    [confirmation] = [text for to, text in letters.items() if MOVED in to]
    assert "m•••@example.com" in notice
    assert owner.user.name in notice
    stop, token = token_in(notice), token_in(confirmation)

    for wrong in (token, "pgp_" + "A" * 43):
        body = {"token": wrong}
        refused(await tenant.browser().post("/email-changes/stop", json=body), 410, "link_expired")
    ok(await tenant.browser().post("/email-changes/stop", json={"token": stop}), 204)
    refused(await tenant.browser().post("/email-changes/stop", json={"token": stop}), 410, "link_expired")
    assert await confirm(tenant, token) == 410
    assert await redeem(tenant, stop) == 410


async def test_the_stop_link_ends_with_the_confirmation(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    target = await tenant.person()
    await change(owner, target, email=MOVED)
    letters = dict(await mailbox.read())
    [stop] = [token_in(text) for to, text in letters.items() if target.user.email in to]
    [token] = [token_in(text) for to, text in letters.items() if MOVED in to]

    assert await confirm(tenant, token) == 204

    refused(await tenant.browser().post("/email-changes/stop", json={"token": stop}), 410, "link_expired")
