"""API tokens of service accounts: made by the owner, and ended with the service account."""

import asyncio
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authority import hand_over
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import basic
from tests.support.account.reports import BODY
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail
from tests.support.observe.locks import locked, until_waiting

ALL = ["policy:read", "users:read", "users:write", "reports", "audit:read", "api"]


async def make_service(admin: SimulatedUser, role: str = "admin") -> dict[str, Any]:
    """Create a service account."""
    body = {"name": "Nightly job", "role": role}
    made: dict[str, Any] = ok(await admin.browser.post("/service-accounts", json=body), 201)
    return made


def token_for(user_id: str, *scopes: str) -> dict[str, Any]:
    """Return the body that asks for a token of a service account."""
    return {"description": "a script", "scopes": list(scopes or ALL), "user_id": user_id}


async def client_for(tenant: Tenant, owner: SimulatedUser, service: dict[str, Any], *scopes: str) -> Client:
    """Return a client with a new token of the service account."""
    made = ok(await owner.browser.post("/api-tokens", json=token_for(service["id"], *scopes)), 201)
    client = tenant.browser()
    client.http.headers["Authorization"] = basic(f"{service['email']}/token", made["token"])
    return client


async def test_a_script_calls_as_the_service_account(tenant: Tenant, owner: SimulatedUser) -> None:
    service = await make_service(owner)
    script = await client_for(tenant, owner, service)

    answer = await script.get("/authorize")

    assert answer.status_code == 204
    assert answer.headers["passgate-user-id"] == service["id"]
    assert answer.headers["passgate-user-email"] == service["email"]
    assert answer.headers["passgate-user-role"] == "admin"
    assert answer.headers["passgate-credential"] == "api_token"
    [listed] = ok(await owner.browser.get("/api-tokens"))["items"]
    assert listed["user_id"] == service["id"]


async def test_the_audit_log_says_who_made_the_token_and_for_whom(tenant: Tenant, owner: SimulatedUser) -> None:
    service = await make_service(owner)
    trail = AuditTrail(tenant)
    await trail.new()

    made = ok(await owner.browser.post("/api-tokens", json=token_for(service["id"], "api")), 201)

    [event] = await trail.new()
    assert (event.type, event.actor_id, str(event.target_id)) == ("api_token.created", owner.user.id, made["id"])
    assert event.details == {"description": "a script", "scopes": ["api"], "user_id": service["id"]}


async def test_only_the_owner_makes_one(tenant: Tenant, owner: SimulatedUser) -> None:
    service = await make_service(owner)
    body = token_for(service["id"])
    admin, agent = await tenant.signed_in(Role.ADMIN), await tenant.signed_in(Role.AGENT)
    script = await client_for(tenant, owner, service)
    stranger = await (await another_account(tenant)).signed_in(Role.OWNER)

    refused(await admin.browser.post("/api-tokens", json=body), 403, "forbidden")
    refused(await agent.browser.post("/api-tokens", json=body), 403, "forbidden")
    refused(await script.post("/api-tokens", json=body), 403, "session_required")
    refused(await stranger.browser.post("/api-tokens", json=body), 404, "not_found")
    tenant.clock.turn(minutes=11)
    refused(await owner.browser.post("/api-tokens", json=body), 401, "step_up_required")
    assert len(ok(await owner.browser.get("/api-tokens"))["items"]) == 1


async def test_the_owner_makes_no_token_for_a_person(tenant: Tenant, owner: SimulatedUser) -> None:
    for person in (await tenant.person(Role.ADMIN), owner):
        refused(await owner.browser.post("/api-tokens", json=token_for(person.id)), 409, "conflict")
    assert ok(await owner.browser.get("/api-tokens"))["items"] == []


async def test_a_suspended_service_account_gets_no_token(owner: SimulatedUser) -> None:
    service = await make_service(owner)
    ok(await owner.browser.patch(f"/users/{service['id']}", json={"status": "suspended"}))

    refused(await owner.browser.post("/api-tokens", json=token_for(service["id"])), 409, "conflict")


@pytest.mark.parametrize("value", [None, 1, "no-id", "x" * 60_000])
async def test_a_malformed_user_id_is_refused(owner: SimulatedUser, value: object) -> None:
    body = {"description": "a script", "scopes": ["api"], "user_id": value}
    response = await owner.browser.post("/api-tokens", json=body)

    if value is None:  # as if it was left out
        assert ok(response, 201)["user_id"] == owner.id
    else:
        refused(response, 422, "invalid_request")


async def test_it_outlives_the_roles_of_whoever_made_it_and_of_its_account(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    admin, heir = await tenant.signed_in(Role.ADMIN), await tenant.signed_in(Role.ADMIN)
    script = await client_for(tenant, owner, await make_service(admin))
    ok(await owner.browser.delete(f"/users/{admin.id}"), 204)
    await hand_over(owner, heir)
    await tenant.sign_in(heir)
    ok(await heir.browser.delete(f"/users/{owner.id}"), 204)

    assert (await script.get("/authorize")).status_code == 204


@pytest.mark.parametrize("change", [{"status": "suspended"}, {"role": "agent"}, None])
async def test_it_ends_for_good_with_the_service_account(
    tenant: Tenant, owner: SimulatedUser, change: dict[str, str] | None
) -> None:
    service = await make_service(owner)
    script = await client_for(tenant, owner, service)
    assert (await script.get("/authorize")).status_code == 204
    path = f"/users/{service['id']}"

    if change is None:
        ok(await owner.browser.delete(path), 204)
    else:
        ok(await owner.browser.patch(path, json=change))
        ok(await owner.browser.patch(path, json={"status": "active", "role": "admin"}))

    refused(await script.get("/authorize"), 401, "unauthenticated")
    assert ok(await owner.browser.get("/api-tokens"))["items"] == []


async def test_an_admin_revokes_it(tenant: Tenant, owner: SimulatedUser) -> None:
    script = await client_for(tenant, owner, await make_service(owner))
    admin = await tenant.signed_in(Role.ADMIN)
    [listed] = ok(await admin.browser.get("/api-tokens"))["items"]

    ok(await admin.browser.delete(f"/api-tokens/{listed['id']}"), 204)

    refused(await script.get("/authorize"), 401, "unauthenticated")


async def test_it_does_what_its_scopes_and_the_role_allow(tenant: Tenant, owner: SimulatedUser) -> None:
    narrow = await client_for(tenant, owner, await make_service(owner), "users:read")
    refused(await narrow.get("/security-policy"), 403, "scope_missing")
    ok(await narrow.get("/users"))

    agent = await client_for(tenant, owner, await make_service(owner, "agent"))
    ok(await agent.get("/users"))
    new = {"email": "new@example.com", "name": "New", "role": "agent"}
    refused(await agent.post("/users", json=new), 403, "forbidden")
    refused(await agent.get("/audit-events"), 403, "forbidden")


async def test_it_never_acts_on_itself_or_an_admin(tenant: Tenant, owner: SimulatedUser) -> None:
    service = await make_service(owner)
    script = await client_for(tenant, owner, service)
    admin = await tenant.person(Role.ADMIN)

    for path in (f"/users/{service['id']}", f"/users/{admin.id}", f"/users/{owner.id}"):
        refused(await script.patch(path, json={"status": "suspended"}), 403, "forbidden")
        refused(await script.delete(path), 403, "forbidden")
    refused(await script.get("/session"), 403, "session_required")


async def test_it_never_signs_in_admins_or_the_owner(tenant: Tenant, owner: SimulatedUser) -> None:
    shop = await client_for(tenant, owner, await make_service(owner), "sign_ins")
    admin, agent = await tenant.person(Role.ADMIN), await tenant.person(Role.AGENT)

    for person in (admin, owner):
        body = {"user_id": person.id, "first_factor": "sso"}
        refused(await shop.post("/sign-ins/assertions", json=body), 403, "forbidden")
    ok(await shop.post("/sign-ins/assertions", json={"user_id": agent.id, "first_factor": "sso"}), 201)


async def test_its_report_sends_no_letter(tenant: Tenant, owner: SimulatedUser) -> None:
    script = await client_for(tenant, owner, await make_service(owner), "reports")

    asked = ok(await script.post("/reports", json=BODY | {"notify": True}), 202)

    assert asked["notify"] is False


async def test_no_token_is_made_while_the_maker_loses_the_account(tenant: Tenant, owner: SimulatedUser) -> None:
    service, heir = await make_service(owner), await tenant.person(Role.ADMIN)
    async with locked(tenant, owner):
        handing_over = asyncio.create_task(owner.browser.post("/ownership", json={"user_id": heir.id}))
        await until_waiting(tenant.services.database, 1)
        making = asyncio.create_task(owner.browser.post("/api-tokens", json=token_for(service["id"])))
        await until_waiting(tenant.services.database, 2)

    ok(await handing_over)
    assert (await making).status_code in {401, 403}
    await tenant.sign_in(heir)
    assert ok(await heir.browser.get("/api-tokens"))["items"] == []
