"""Changing a user: name, external id, role and status, and a new address that has yet to be confirmed."""

import uuid
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.freshness import step_up_required
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail


def path(person: SimulatedUser) -> str:
    return f"/users/{person.id}"


async def shown(reader: SimulatedUser, person: SimulatedUser) -> dict[str, Any]:
    found: dict[str, Any] = ok(await reader.browser.get(path(person)))
    return found


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
@pytest.mark.parametrize("target_role", [Role.ADMIN, Role.AGENT, Role.END_USER])
async def test_owner_and_admins_change_only_the_fields_they_send(
    tenant: Tenant, role: Role, target_role: Role
) -> None:
    admin, target = await tenant.signed_in(role), await tenant.person(target_role, external_id="crm-1")
    before = await shown(admin, target)

    changed = ok(await admin.browser.patch(path(target), json={"name": "Anna"}))

    assert changed == before | {"name": "Anna"}
    assert await shown(admin, target) == changed


async def test_an_empty_change_changes_nothing_and_is_not_recorded(tenant: Tenant, owner: SimulatedUser) -> None:
    target = await tenant.person()
    before, trail = await shown(owner, target), AuditTrail(tenant)
    await trail.new()

    for body in ({}, {"name": "Somebody", "role": "agent", "status": "active", "email": target.user.email}):
        assert ok(await owner.browser.patch(path(target), json=body)) == before

    assert await trail.new() == []


async def test_null_removes_the_external_id(tenant: Tenant, owner: SimulatedUser) -> None:
    target = await tenant.person(external_id="crm-1")

    assert ok(await owner.browser.patch(path(target), json={"external_id": None}))["external_id"] is None
    assert ok(await owner.browser.patch(path(target), json={"external_id": "crm-2"}))["external_id"] == "crm-2"


async def test_an_external_id_that_is_taken_is_a_conflict_and_changes_nothing(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await tenant.person(external_id="crm-1")
    target = await tenant.person()

    answer = await owner.browser.patch(path(target), json={"external_id": "crm-1", "name": "Anna"})

    refused(answer, 409, "conflict")
    assert (await shown(owner, target))["name"] == "Somebody"


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_change_nobody_not_even_themselves(tenant: Tenant, role: Role) -> None:
    caller, target = await tenant.signed_in(role), await tenant.person(Role.END_USER)

    for person in (target, caller):
        refused(await caller.browser.patch(path(person), json={"name": "Anna"}), 403, "forbidden")


async def test_a_session_that_is_not_fresh_changes_nobody(tenant: Tenant, owner: SimulatedUser) -> None:
    target = await tenant.person()
    tenant.clock.turn(minutes=10, seconds=1)

    step_up_required(await owner.browser.patch(path(target), json={"name": "Anna"}))


async def test_a_password_alone_changes_nobody(tenant: Tenant, owner: SimulatedUser) -> None:
    target, client = await tenant.person(), await by_password(tenant, owner, owner)

    refused(await client.patch(path(target), json={"name": "Anna"}), 403, "session_required")


async def test_a_user_of_another_account_gets_the_answer_of_an_unknown_id(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    elsewhere = await another_account(tenant)
    stranger = await elsewhere.signed_in(Role.OWNER)

    foreign = refused(await owner.browser.patch(path(stranger), json={"name": "Anna"}), 404, "not_found")

    none = await owner.browser.patch(f"/users/{uuid.uuid4()}", json={"name": "Anna"})
    assert foreign == refused(none, 404, "not_found")
    assert (await shown(stranger, stranger))["name"] == "Somebody"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": None}, "/name", "wrong_type"),
        ({"name": ""}, "/name", "too_short"),
        ({"role": None}, "/role", "not_allowed"),
        ({"role": "manager"}, "/role", "not_allowed"),
        ({"status": None}, "/status", "not_allowed"),
        ({"status": "deleted"}, "/status", "not_allowed"),
        ({"external_id": ""}, "/external_id", "too_short"),
        ({"email": None}, "/email", "wrong_type"),
        ({"email": "anna"}, "/email", "malformed"),
        ({"locale": "de"}, "", "unknown_field"),
        ({"id": "01900000-0000-7000-8000-00000000abcd"}, "", "unknown_field"),
        ({"password": "a new password"}, "", "unknown_field"),
        ({"turned_on_by_user": False}, "", "unknown_field"),
        ({"created_at": "2026-01-01T00:00:00Z"}, "", "unknown_field"),
    ],
)
async def test_an_invalid_field_is_refused(
    tenant: Tenant, owner: SimulatedUser, body: dict[str, Any], pointer: str, code: str
) -> None:
    target = await tenant.person()

    problem = refused(await owner.browser.patch(path(target), json=body), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


async def test_a_new_address_is_not_used_before_it_is_confirmed(tenant: Tenant, owner: SimulatedUser) -> None:
    target = await tenant.person()

    changed = ok(await owner.browser.patch(path(target), json={"email": "anna@example.com", "name": "Anna"}))

    assert (changed["email"], changed["name"]) == (target.user.email, "Anna")
    assert (await tenant.sign_in(target))["status"] == "complete"
    answer = await tenant.browser().post("/sign-ins", json={"email": "anna@example.com", "password": "x" * 12})
    refused(answer, 401, "invalid_credentials")


async def test_an_address_that_is_taken_is_a_conflict_and_changes_nothing(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    target = await tenant.person()

    answer = await owner.browser.patch(path(target), json={"email": owner.user.email.upper(), "name": "Anna"})

    refused(answer, 409, "conflict")
    assert (await shown(owner, target))["name"] == "Somebody"


async def test_a_role_change_takes_effect_at_once(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in(Role.AGENT)
    refused(await person.browser.get("/api-tokens"), 403, "forbidden")

    ok(await owner.browser.patch(path(person), json={"role": "admin"}))
    refused(await person.browser.get("/session"), 401, "unauthenticated")
    await tenant.sign_in(person)
    ok(await person.browser.get("/api-tokens"))

    ok(await owner.browser.patch(path(person), json={"role": "end_user"}))
    refused(await person.browser.get("/session"), 401, "unauthenticated")
    await tenant.sign_in(person)
    refused(await person.browser.get("/users"), 403, "forbidden")
    assert ok(await person.browser.get("/session"))["user"]["role"] == "end_user"


async def test_the_requirement_of_a_new_role_applies_at_the_next_sign_in(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.signed_in(Role.END_USER)
    await tenant.enroll(owner)
    await tenant.require(owner, team_members=True)

    ok(await owner.browser.patch(path(person), json={"role": "agent"}))

    refused(await person.browser.get("/session"), 401, "unauthenticated")
    assert (await tenant.sign_in(person, tenant.browser()))["status"] == "enrollment_required"


async def test_the_tokens_of_an_admin_end_with_the_role(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    script = await by_token(tenant, admin, "users:read")
    ok(await script.get("/users"))

    ok(await owner.browser.patch(path(admin), json={"role": "agent"}))

    refused(await script.get("/users"), 401, "unauthenticated")


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_a_change_of_role_makes_nobody_owner(tenant: Tenant, role: Role) -> None:
    admin, target = await tenant.signed_in(role), await tenant.person(Role.ADMIN)

    for person in [target, admin] if role is Role.ADMIN else [target]:
        refused(await admin.browser.patch(path(person), json={"role": "owner"}), 409, "conflict")


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
@pytest.mark.parametrize(
    "body", [{"role": "agent"}, {"status": "suspended"}, {"role": "end_user", "name": "Anna"}]
)
async def test_nobody_demotes_or_suspends_themselves(tenant: Tenant, role: Role, body: dict[str, str]) -> None:
    admin = await tenant.signed_in(role)

    refused(await admin.browser.patch(path(admin), json=body), 409, "conflict")

    assert await shown(admin, admin) == ok(await admin.browser.get("/users/me"))
    assert (await shown(admin, admin))["name"] == "Somebody"


async def test_owner_and_admins_change_their_own_name(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.signed_in(Role.ADMIN)

    for person in (owner, admin):
        body = {"name": "Anna", "role": person.user.role.value, "status": "active"}
        assert ok(await person.browser.patch(path(person), json=body))["name"] == "Anna"


@pytest.mark.parametrize(
    "body", [{}, {"name": "Anna"}, {"role": "agent"}, {"status": "suspended"}, {"email": "x@y.example"}]
)
async def test_nobody_but_the_owner_changes_the_owner(
    tenant: Tenant, owner: SimulatedUser, body: dict[str, str]
) -> None:
    admin, trail = await tenant.signed_in(Role.ADMIN), AuditTrail(tenant)
    await trail.new()

    refused(await admin.browser.patch(path(owner), json=body), 403, "forbidden")

    [denied] = await trail.new()
    assert (denied.type, denied.actor_id, denied.target_id) == ("access.denied", admin.user.id, owner.user.id)
    assert await shown(admin, owner) == ok(await owner.browser.get("/users/me"))


async def test_the_audit_log_records_changed_fields_without_personal_data(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    target = await tenant.person()
    trail = AuditTrail(tenant)
    await trail.new()

    body = {"name": "Anna", "role": "admin", "external_id": "crm-9", "email": "anna@example.com"}
    ok(await owner.browser.patch(path(target), json=body))

    [changed] = [event for event in await trail.new() if event.type == "user.changed"]
    assert (changed.actor_id, changed.target_type, changed.target_id) == (owner.user.id, "user", target.user.id)
    assert changed.details == {
        "fields": ["name", "role", "external_id"],
        "old": {"role": "agent"},
        "new": {"role": "admin"},
        "to_be_confirmed": ["email"],
    }
