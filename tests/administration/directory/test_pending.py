"""`pending_email` and `invited`: shown to whoever may see the user, for as long as they are true."""

from typing import Any

import pytest

from app.core.callers import Role
from app.credentials.links.rules import LIFETIMES, Purpose
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.authority import MOVED, change, confirm, hand_over, redeem
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_token
from tests.support.account.importing import import_into, line
from tests.support.account.paging import items
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.observe.mailbox import Mailbox, empty_mailbox, token_in

ANNA = {"email": "anna@example.com", "name": "Anna", "role": "agent"}


@pytest.fixture
async def mailbox(tenant: Tenant) -> Mailbox:
    return await empty_mailbox(tenant)


async def shown(reader: SimulatedUser, user_id: str) -> dict[str, Any]:
    """Return the user as the list has them, which is as the call for one user does."""
    [listed] = [user for user in await items(reader.browser, "/users") if user["id"] == user_id]
    assert listed == ok(await reader.browser.get(f"/users/{user_id}"))
    return listed


async def pending(reader: SimulatedUser, person: SimulatedUser) -> Any:
    return (await shown(reader, person.id))["pending_email"]


async def test_everybody_who_may_see_the_user_sees_the_new_address(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    target, agent = await tenant.signed_in(Role.END_USER), await tenant.signed_in(Role.AGENT)
    changed = ok(await owner.browser.patch(f"/users/{target.id}", json={"email": MOVED}))
    assert (changed["email"], changed["pending_email"]) == (target.user.email, MOVED)

    for reader in (owner, agent):
        assert await pending(reader, target) == MOVED
    script = await by_token(tenant, owner, "users:read")
    assert ok(await script.get(f"/users/{target.id}"))["pending_email"] == MOVED
    assert ok(await target.browser.get("/users/me"))["pending_email"] == MOVED
    refused(await (await tenant.signed_in(Role.END_USER)).browser.get(f"/users/{target.id}"), 403, "forbidden")
    assert {await pending(owner, person) for person in (owner, agent)} == {None}

    assert await confirm(tenant, await mailbox.token(MOVED)) == 204
    found = await shown(owner, target.id)
    assert (found["email"], found["pending_email"]) == (MOVED, None)


async def test_the_newest_change_is_shown_until_its_link_ends(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    target = await tenant.person()
    await change(owner, target, email="first@example.com")
    await change(owner, target, email=MOVED)
    assert await pending(owner, target) == MOVED

    tenant.clock.turn(seconds=LIFETIMES[Purpose.EMAIL].total_seconds())
    await tenant.sign_in(owner)
    assert await pending(owner, target) is None

    await change(owner, target, email=MOVED)
    letters = [text for to, text in await mailbox.read() if target.user.email in to]
    ok(await tenant.browser().post("/email-changes/stop", json={"token": token_in(letters[-1])}), 204)
    assert await pending(owner, target) is None


async def test_a_change_that_ended_with_the_authority_for_it_is_not_shown(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    admin, target, heir = [await tenant.signed_in(Role.ADMIN) for _ in range(3)]
    await change(admin, target, email=MOVED)
    await change(owner, admin, role="agent")
    assert await pending(owner, target) is None

    await change(owner, target, email=MOVED)
    await hand_over(owner, heir)
    assert await pending(target, target) is None


async def test_a_user_is_invited_until_they_choose_a_password(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    made = ok(await owner.browser.post("/users", json=ANNA), 201)
    token = await mailbox.token(ANNA["email"])
    assert made["invited"]
    assert (await shown(owner, made["id"])) == made

    assert await redeem(tenant, token) == 204

    assert not (await shown(owner, made["id"]))["invited"]


async def test_a_user_is_invited_after_the_invitation_expired_too(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    made = ok(await owner.browser.post("/users", json=ANNA), 201)
    tenant.clock.turn(seconds=LIFETIMES[Purpose.INVITATION].total_seconds())
    await tenant.sign_in(owner)
    assert (await shown(owner, made["id"]))["invited"]

    await mailbox.read()
    ok(await tenant.browser().post("/password-links", json={"email": ANNA["email"]}), 202)
    assert await redeem(tenant, await mailbox.token(ANNA["email"])) == 204
    assert not (await shown(owner, made["id"]))["invited"]


async def test_a_user_who_comes_by_a_third_party_is_no_longer_invited(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await name_provider(owner, default_role="agent", roles=["agent"])
    made = ok(await owner.browser.post("/users", json=ANNA), 201)

    ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant, email=ANNA["email"]))), 201)

    assert not (await shown(owner, made["id"]))["invited"]


async def test_an_imported_user_without_a_password_counts_as_invited(tenant: Tenant, owner: SimulatedUser) -> None:
    await import_into(tenant, line("eve@example.com", name=" ශ්\u200dරී\u3000X", locale="zh-Hans"))
    assert await tenant.person(password=PASSWORD)

    [eve] = [user for user in await items(owner.browser, "/users") if user["invited"]]

    assert (eve["email"], eve["name"], eve["locale"]) == ("eve@example.com", "ශ්\u200dරී X", "zh-Hans")
