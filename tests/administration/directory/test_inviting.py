"""Creating a user: who may do it, in which roles, and what is refused."""

from typing import Any
from uuid import UUID

import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.freshness import step_up_required
from tests.support.account.paging import items
from tests.support.account.times import on_the_wire
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail

USERS = "/users"
ANNA = {"email": "Anna@Example.com", "name": "Anna", "role": "agent"}


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
@pytest.mark.parametrize("given", ["admin", "agent", "end_user"])
async def test_owner_and_admins_create_users_of_every_role_except_owner(
    tenant: Tenant, role: Role, given: str
) -> None:
    admin = await tenant.signed_in(role)

    response = await admin.browser.post(USERS, json=ANNA | {"role": given})

    made = ok(response, 201)
    assert UUID(made.pop("id")).version == 7
    assert made == {
        "email": "Anna@Example.com",
        "name": "Anna",
        "role": given,
        "status": "active",
        "external_id": None,
        "locale": "en",
        "created_at": on_the_wire(tenant.clock.now()),
        "last_sign_in_at": None,
        "pending_email": None,
        "invited": True,
        "kind": "person",
        "test_passcode": False,
    }


async def test_the_location_header_leads_to_the_new_user(owner: SimulatedUser) -> None:
    response = await owner.browser.post(USERS, json=ANNA | {"external_id": "crm-7", "locale": "de-CH"})

    shown = ok(await owner.browser.get(f"http://127.0.0.1:8000{response.headers['location']}"))
    assert shown == ok(response, 201)
    assert (shown["external_id"], shown["locale"]) == ("crm-7", "de-CH")


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_create_nobody(tenant: Tenant, role: Role) -> None:
    caller = await tenant.signed_in(role)

    refused(await caller.browser.post(USERS, json=ANNA), 403, "forbidden")


async def test_a_session_that_is_not_fresh_creates_nobody(tenant: Tenant, owner: SimulatedUser) -> None:
    tenant.clock.turn(minutes=10, seconds=1)

    step_up_required(await owner.browser.post(USERS, json=ANNA))

    assert len(await items(owner.browser, USERS)) == 1


async def test_a_password_alone_creates_nobody(tenant: Tenant, owner: SimulatedUser) -> None:
    client = await by_password(tenant, owner, owner)

    refused(await client.post(USERS, json=ANNA), 403, "session_required")


async def test_a_second_owner_is_refused(owner: SimulatedUser) -> None:
    refused(await owner.browser.post(USERS, json=ANNA | {"role": "owner"}), 409, "conflict")


async def test_an_admin_creates_no_owner_even_if_there_is_none_yet(tenant: Tenant) -> None:
    admin = await tenant.signed_in(Role.ADMIN)

    refused(await admin.browser.post(USERS, json=ANNA | {"role": "owner"}), 409, "conflict")


@pytest.mark.parametrize("email", ["anna@example.com", "ANNA@EXAMPLE.COM", " Anna@example.com "])
async def test_an_address_that_is_taken_in_any_letter_case_is_a_conflict(owner: SimulatedUser, email: str) -> None:
    ok(await owner.browser.post(USERS, json=ANNA), 201)

    refused(await owner.browser.post(USERS, json=ANNA | {"email": email}), 409, "conflict")

    assert len(await items(owner.browser, USERS)) == 2


async def test_an_external_id_that_is_taken_is_a_conflict(owner: SimulatedUser) -> None:
    ok(await owner.browser.post(USERS, json=ANNA | {"external_id": "crm-7"}), 201)
    bert = {"email": "bert@example.com", "name": "Bert", "role": "end_user", "external_id": "crm-7"}

    refused(await owner.browser.post(USERS, json=bert), 409, "conflict")


async def test_another_account_may_have_the_same_address_and_external_id(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    stranger = await (await another_account(tenant)).signed_in(Role.OWNER)
    body = ANNA | {"external_id": "crm-7"}

    ok(await owner.browser.post(USERS, json=body), 201)
    ok(await stranger.browser.post(USERS, json=body), 201)


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"email": None}, "/email", "wrong_type"),
        ({"email": "anna"}, "/email", "malformed"),
        ({"email": "anna@"}, "/email", "malformed"),
        ({"email": "a@b@example.com"}, "/email", "malformed"),
        ({"email": "Anna <anna@example.com>"}, "/email", "malformed"),
        ({"email": "x" * 513}, "/email", "too_long"),
        ({"name": ""}, "/name", "too_short"),
        ({"name": " \u3000"}, "/name", "too_short"),
        ({"name": "\u200d\u3164"}, "/name", "too_short"),
        ({"name": "x" * 201}, "/name", "too_long"),
        ({"name": "\u0327\u0301" * 15_000}, "/name", "too_long"),
        ({"name": "An\nna"}, "/name", "malformed"),
        ({"name": "An\u202ena"}, "/name", "malformed"),
        ({"role": "manager"}, "/role", "not_allowed"),
        ({"role": None}, "/role", "not_allowed"),
        ({"external_id": ""}, "/external_id", "too_short"),
        ({"external_id": "x" * 256}, "/external_id", "too_long"),
        ({"external_id": "a\tb"}, "/external_id", "malformed"),
        ({"external_id": 7}, "/external_id", "wrong_type"),
        ({"locale": "english"}, "/locale", "malformed"),
        ({"locale": "en_GB"}, "/locale", "malformed"),
        ({"locale": "en-"}, "/locale", "malformed"),
        ({"locale": "de-" + "x" * 65}, "/locale", "too_long"),
        ({"locale": "en\n"}, "/locale", "malformed"),
        ({"status": "suspended"}, "", "unknown_field"),
        ({"password": PASSWORD}, "", "unknown_field"),
        ({"turned_on_by_user": True}, "", "unknown_field"),
    ],
)
async def test_an_invalid_field_is_refused(
    owner: SimulatedUser, changes: dict[str, Any], pointer: str, code: str
) -> None:
    problem = refused(await owner.browser.post(USERS, json=ANNA | changes), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert len(await items(owner.browser, USERS)) == 1


@pytest.mark.parametrize("field", ["email", "name", "role"])
async def test_email_name_and_role_are_required(owner: SimulatedUser, field: str) -> None:
    body = {name: value for name, value in ANNA.items() if name != field}

    problem = refused(await owner.browser.post(USERS, json=body), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(f"/{field}", "missing")]


async def test_an_invited_user_cannot_sign_in_before_choosing_a_password(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    ok(await owner.browser.post(USERS, json=ANNA), 201)

    for password in (PASSWORD, ""):
        answer = await tenant.browser().post("/sign-ins", json={"email": ANNA["email"], "password": password})
        assert answer.status_code in {401, 422}


async def test_a_new_user_is_recorded_without_personal_data(tenant: Tenant, owner: SimulatedUser) -> None:
    trail = AuditTrail(tenant)
    await trail.new()

    made = ok(await owner.browser.post(USERS, json=ANNA), 201)

    [created] = [event for event in await trail.new() if event.type == "user.created"]
    assert (created.actor_id, created.credential) == (owner.user.id, "session")
    assert (created.target_type, str(created.target_id)) == ("user", made["id"])
    assert created.details == {"role": "agent"}


@pytest.mark.parametrize("role", ["agent", "end_user"])
async def test_a_token_creates_agents_and_end_users_without_a_fresh_session(
    tenant: Tenant, owner: SimulatedUser, role: str
) -> None:
    client = await by_token(tenant, owner, "users:write")
    tenant.clock.turn(hours=2)

    assert ok(await client.post(USERS, json=ANNA | {"role": role}), 201)["role"] == role


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_a_token_creates_no_owner_and_no_admin(tenant: Tenant, owner: SimulatedUser, role: str) -> None:
    client = await by_token(tenant, owner, "users:write")
    trail = AuditTrail(tenant)
    await trail.new()

    refused(await client.post(USERS, json=ANNA | {"role": role}), 403, "forbidden")

    [denied] = [event for event in await trail.new() if event.type == "access.denied"]
    assert (denied.actor_id, denied.credential) == (owner.user.id, "api_token")
    assert len(await items(owner.browser, USERS)) == 1


async def test_a_token_needs_the_scope_users_write(tenant: Tenant, owner: SimulatedUser) -> None:
    client = await by_token(tenant, owner, "users:read", "policy:read", "reports", "audit:read", "api")

    refused(await client.post(USERS, json=ANNA), 403, "scope_missing")


@pytest.mark.parametrize("host", ["[", "]:x", "a b"])
async def test_an_invalid_host_header_does_not_break_an_invitation(owner: SimulatedUser, host: str) -> None:
    response = await owner.browser.post("/users", json=ANNA, headers={"Host": host})

    assert ok(response, 201)["email"] == ANNA["email"]
    assert response.headers["location"].endswith(f"/users/{response.json()['id']}")
