"""Sessions, links and tokens end when a role changes; roles are read under the row lock."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.authority import MOVED, NEW_PASSWORD, change, confirm, hand_over, redeem
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import by_token
from tests.support.account.paging import items
from tests.support.account.sign_ins import submit
from tests.support.observe.locks import locked, until_waiting
from tests.support.observe.mailbox import Mailbox, empty_mailbox


@pytest.fixture
async def mailbox(tenant: Tenant) -> Mailbox:
    return await empty_mailbox(tenant)


async def signed_out(person: SimulatedUser) -> None:
    refused(await person.browser.get("/session"), 401, "unauthenticated")


# A change of role ends sessions, pending sign-ins and trusted devices.


@pytest.mark.parametrize(("before", "after"), [("admin", "agent"), ("agent", "admin"), ("end_user", "agent")])
async def test_a_change_of_role_ends_sessions_sign_ins_and_devices(
    tenant: Tenant, owner: SimulatedUser, before: str, after: str
) -> None:
    person = await tenant.enrolled(Role(before))
    browser = tenant.browser()
    await tenant.pass_passcode(person, browser)
    waiting = await tenant.asked(person)

    await change(owner, person, role=after)

    await signed_out(person)
    refused(await submit(tenant.browser(), waiting, person.authenticator.next_passcode()), 401, "sign_in_expired")
    assert (await tenant.sign_in(person, browser))["status"] == "passcode_required"


async def test_a_promotion_to_admin_ends_an_asserted_session(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    backend = await by_token(tenant, await tenant.signed_in(Role.ADMIN), "sign_ins")
    await change(owner, admin, role="agent")
    body = {"user_id": admin.id, "first_factor": "sso"}
    session = ok(await backend.post("/sign-ins/assertions", json=body), 201)["session"]["token"]

    await change(owner, admin, role="admin")

    browser = tenant.browser()
    browser.token = session
    refused(await browser.get("/session"), 401, "unauthenticated")


async def test_a_hand_over_ends_the_sessions_and_tokens_of_both_users(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    heir = await tenant.signed_in(Role.ADMIN)
    scripts = [await by_token(tenant, person, "users:read") for person in (owner, heir)]
    await mailbox.read()

    await hand_over(owner, heir)

    for person in (owner, heir):
        await signed_out(person)
    for script in scripts:
        refused(await script.get("/users"), 401, "unauthenticated")
    emails = dict(await mailbox.read())
    assert {address.split("<")[-1].rstrip(">") for address in emails} == {owner.user.email, heir.user.email}
    assert any("You are the owner" in text for text in emails.values())


# A change of address, password, role or status ends the links sent before it.


async def pending_link(tenant: Tenant, mailbox: Mailbox, person: SimulatedUser) -> str:
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    return await mailbox.token(person.user.email)


async def test_a_link_to_the_old_address_ends_with_a_change_of_address(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    body = {"email": "invited@example.com", "name": "Invited", "role": "agent"}
    invited = ok(await owner.browser.post("/users", json=body), 201)
    invitation = await mailbox.token("invited@example.com")
    ok(await tenant.browser().post("/password-links", json={"email": "invited@example.com"}), 202)
    link = await mailbox.token("invited@example.com")
    ok(await owner.browser.patch(f"/users/{invited['id']}", json={"email": MOVED}))
    assert await confirm(tenant, await mailbox.token(MOVED)) == 204

    assert await redeem(tenant, invitation) == 410
    assert await redeem(tenant, link) == 410


async def test_a_link_ends_with_a_change_of_password(tenant: Tenant, mailbox: Mailbox) -> None:
    person = await tenant.signed_in()
    link = await pending_link(tenant, mailbox, person)

    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    ok(await person.browser.put("/users/me/password", json=body), 204)

    assert await redeem(tenant, link) == 410


@pytest.mark.parametrize(
    "changes", [[{"role": "end_user"}], [{"status": "suspended"}, {"status": "active"}]], ids=["role", "status"]
)
async def test_a_link_ends_with_a_change_of_role_or_status(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox, changes: list[dict[str, str]]
) -> None:
    person = await tenant.person()
    link = await pending_link(tenant, mailbox, person)

    for changed in changes:
        await change(owner, person, **changed)

    assert await redeem(tenant, link) == 410


# API tokens end for good, and allow no more than their creator could do.


@pytest.mark.parametrize(
    "changes",
    [[{"status": "suspended"}, {"status": "active"}], [{"role": "agent"}, {"role": "admin"}]],
    ids=["suspended", "demoted"],
)
async def test_a_token_stays_ended_when_its_creator_is_an_active_admin_again(
    tenant: Tenant, owner: SimulatedUser, changes: list[dict[str, str]]
) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    script = await by_token(tenant, admin, "users:read")

    for changed in changes:
        await change(owner, admin, **changed)

    refused(await script.get("/users"), 401, "unauthenticated")
    assert await items(owner.browser, "/api-tokens") == []


async def test_an_admins_token_signs_in_no_admin_even_after_its_creator_becomes_owner(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    maker, target = await tenant.signed_in(Role.ADMIN), await tenant.person(Role.ADMIN)
    backend = await by_token(tenant, maker, "sign_ins")
    body = {"user_id": target.id, "first_factor": "sso"}
    refused(await backend.post("/sign-ins/assertions", json=body), 403, "forbidden")

    await hand_over(owner, maker)

    refused(await backend.post("/sign-ins/assertions", json=body), 401, "unauthenticated")


async def test_no_report_link_is_sent_to_an_admin_who_was_demoted_and_promoted(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    ok(await admin.browser.post("/reports", json={"type": "two_factor_status"}), 202)
    for changed in ("agent", "admin"):
        await change(owner, admin, role=changed)

    assert [to for to, _ in await mailbox.read() if admin.user.email in to] == []


# The role is read under the row lock.


async def test_an_admin_does_not_renew_the_codes_of_a_user_who_becomes_owner_meanwhile(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    admin, heir = await tenant.signed_in(Role.ADMIN), await tenant.enrolled(Role.ADMIN)
    async with locked(tenant, heir):
        handing_over = asyncio.create_task(owner.browser.post("/ownership", json={"user_id": heir.id}))
        await until_waiting(tenant.services.database, 1)
        path = f"/users/{heir.id}/two-factor/recovery-codes"
        renewing = asyncio.create_task(admin.browser.post(path, json={"reason": "lost"}))
        await until_waiting(tenant.services.database, 2)

    ok(await handing_over)
    refused(await renewing, 403, "forbidden")


ACTS: dict[str, Callable[[Client, SimulatedUser], Coroutine[Any, Any, httpx.Response]]] = {
    "change": lambda client, target: client.patch(f"/users/{target.id}", json={"name": "Anna"}),
    "delete": lambda client, target: client.delete(f"/users/{target.id}"),
    "sessions": lambda client, target: client.delete(f"/users/{target.id}/sessions"),
    "codes": lambda client, target: client.post(
        f"/users/{target.id}/two-factor/recovery-codes", json={"reason": "lost"}
    ),
    "invite": lambda client, _: client.post(
        "/users", json={"email": "new@example.com", "name": "New", "role": "admin"}
    ),
    "token": lambda client, _: client.post("/api-tokens", json={"description": "x", "scopes": ["users:write"]}),
    "policy": lambda client, _: client.patch("/security-policy", json={"api_password_access": True}),
}


@pytest.mark.parametrize("act", ACTS)
async def test_an_admin_demoted_during_a_request_is_refused(
    tenant: Tenant, owner: SimulatedUser, act: str
) -> None:
    admin, target = await tenant.signed_in(Role.ADMIN), await tenant.enrolled()
    async with locked(tenant, admin):
        demoting = asyncio.create_task(owner.browser.patch(f"/users/{admin.id}", json={"role": "agent"}))
        await until_waiting(tenant.services.database, 1)
        acting = asyncio.create_task(ACTS[act](admin.browser, target))
        await until_waiting(tenant.services.database, 2)

    ok(await demoting)
    refused(await acting, 403, "forbidden")


async def test_a_refused_revocation_of_the_owner_s_token_is_recorded(tenant: Tenant, owner: SimulatedUser) -> None:
    await by_token(tenant, owner, "users:read")
    [token] = await items(owner.browser, "/api-tokens")
    admin = await tenant.signed_in(Role.ADMIN)

    refused(await admin.browser.delete(f"/api-tokens/{token['id']}"), 403, "forbidden")

    [event, *_] = await items(owner.browser, "/audit-events", type="access.denied")
    assert (event["target"], event["actor"]["id"]) == ({"type": "api_token", "id": token["id"]}, admin.id)
