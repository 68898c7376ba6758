"""What users see and change of their own record: name and locale (docs/api.md section 6)."""

import asyncio
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.observe.audit import AuditTrail, is_by, move
from tests.support.observe.locks import locked
from tests.support.observe.mailbox import empty_mailbox

ME = "/users/me"


async def me(person: SimulatedUser) -> dict[str, Any]:
    found: dict[str, Any] = ok(await person.browser.get(ME))
    return found


@pytest.mark.parametrize("role", Role)
async def test_users_of_every_role_see_and_change_their_own_name_and_locale(tenant: Tenant, role: Role) -> None:
    person, other = await tenant.signed_in(role), await tenant.person(Role.END_USER)
    before = await me(person)
    assert before == ok(await person.browser.get("/session"))["user"] | {"pending_email": None, "invited": False}

    changed = ok(await person.browser.patch(ME, json={"name": " ශ්\u200dරී\u3000X ", "locale": "sr-Latn-RS"}))

    assert changed == before | {"name": "ශ්\u200dරී X", "locale": "sr-Latn-RS"}
    assert await me(person) == changed
    assert ok(await person.browser.patch(ME, json={"locale": "de-at"})) == changed | {"locale": "de-at"}
    rest = ok(await person.browser.patch(ME, json={"name": "Anna"}))
    assert (rest["name"], rest["locale"]) == ("Anna", "de-at")
    admin = await tenant.signed_in(Role.ADMIN)
    assert ok(await admin.browser.get(f"/users/{other.id}"))["name"] == "Somebody"


async def test_the_team_sees_the_new_name(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in(Role.END_USER)

    changed = ok(await person.browser.patch(ME, json={"name": "Anna"}))

    assert ok(await owner.browser.get(f"/users/{person.id}")) == changed


async def test_a_session_need_not_be_fresh(tenant: Tenant) -> None:
    person = await tenant.enrolled(Role.AGENT)
    tenant.clock.turn(minutes=30)

    assert ok(await person.browser.patch(ME, json={"name": "Anna"}))["name"] == "Anna"


async def test_only_a_session_does_it(tenant: Tenant, owner: SimulatedUser) -> None:
    token = await by_token(tenant, owner, "users:read", "users:write")
    for client in (token, await by_password(tenant, owner, owner)):
        refused(await client.get(ME), 403, "session_required")
        refused(await client.patch(ME, json={"name": "Anna"}), 403, "session_required")
    refused(await tenant.browser().patch(ME, json={"name": "Anna"}), 401, "unauthenticated")

    assert (await me(owner))["name"] == "Somebody"


@pytest.mark.parametrize("field", ["role", "status", "email", "external_id", "id", "invited", "pending_email"])
async def test_nothing_else_can_be_changed(tenant: Tenant, field: str) -> None:
    person = await tenant.signed_in(Role.AGENT)
    before = await me(person)

    problem = refused(
        await person.browser.patch(ME, json={"name": "Anna", field: "admin"}), 422, "invalid_request"
    )

    assert [error["code"] for error in problem["errors"]] == ["unknown_field"]
    assert await me(person) == before


async def test_a_change_is_recorded_without_personal_data_and_only_if_there_is_one(tenant: Tenant) -> None:
    person, trail = await tenant.signed_in(Role.AGENT), AuditTrail(tenant)
    await move(tenant, person)
    await trail.new()

    for body in ({}, {"name": "Somebody"}, {"name": " Somebody\u3000", "locale": "en"}):
        ok(await person.browser.patch(ME, json=body))
    assert await trail.new() == []
    ok(await person.browser.patch(ME, json={"name": "Anna", "locale": "de"}))

    [changed] = await trail.new()
    assert (changed.type, changed.target, changed.details) == (
        "user.changed",
        ("user", person.user.id),
        {"fields": ["name", "locale"]},
    )
    assert is_by(changed, person)


async def test_a_session_that_ended_meanwhile_changes_nothing(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in(Role.AGENT)

    async with locked(tenant, person) as lock:
        suspending = asyncio.create_task(owner.browser.patch(f"/users/{person.id}", json={"status": "suspended"}))
        await lock.until_waiting(1)
        changing = asyncio.create_task(person.browser.patch(ME, json={"name": "Anna"}))
        await lock.until_waiting(2)

    ok(await suspending)
    refused(await changing, 401, "unauthenticated")
    assert ok(await owner.browser.get(f"/users/{person.id}"))["name"] == "Somebody"


async def test_a_user_who_is_deleted_meanwhile_is_signed_out(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in(Role.AGENT)

    async with locked(tenant, person) as lock:
        deleting = asyncio.create_task(owner.browser.delete(f"/users/{person.id}"))
        await lock.until_waiting(1)
        changing = asyncio.create_task(person.browser.patch(ME, json={"name": "Anna"}))
        await lock.until_waiting(2)

    ok(await deleting, 204)
    refused(await changing, 401, "unauthenticated")


async def test_two_changes_at_once_lose_nothing(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in(Role.AGENT)

    async with locked(tenant, person) as lock:
        at_once = asyncio.gather(
            owner.browser.patch(f"/users/{person.id}", json={"external_id": "crm-1"}),
            person.browser.patch(ME, json={"name": "A"}),
            person.browser.patch(ME, json={"locale": "de"}),
        )
        await lock.until_waiting(3)

    for response in await at_once:
        ok(response)
    found = await me(person)
    assert (found["name"], found["locale"], found["external_id"]) == ("A", "de", "crm-1")


async def test_letters_come_in_the_new_language(tenant: Tenant) -> None:
    person = await tenant.signed_in(Role.AGENT)
    mailbox = await empty_mailbox(tenant)
    ok(await person.browser.patch(ME, json={"locale": "de-Latn-CH-1901"}))

    await tenant.enroll(person)

    texts = [text for _, text in await mailbox.read()]
    assert texts
    assert all("Guten Tag" in text for text in texts), texts
