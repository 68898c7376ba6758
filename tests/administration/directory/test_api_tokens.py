"""What an API token can and can never do to users (docs/api.md section 3)."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import by_token
from tests.support.observe.audit import AuditTrail


@pytest.fixture
async def script(tenant: Tenant, owner: SimulatedUser) -> Client:
    """An API client with a token of the owner, who may do all of this in a session."""
    return await by_token(tenant, owner, "users:read", "users:write")


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_a_token_changes_and_deletes_agents_and_end_users(
    tenant: Tenant, script: Client, role: Role
) -> None:
    person = await tenant.signed_in(role)
    path = f"/users/{person.id}"
    tenant.clock.turn(hours=2)  # a token needs no fresh session

    other = Role.AGENT if role is Role.END_USER else Role.END_USER
    body = {"name": "Anna", "role": other.value, "external_id": "crm-1", "status": "suspended"}
    assert ok(await script.patch(path, json=body)).items() >= body.items()
    ok(await script.patch(path, json={"status": "active"}))
    ok(await script.delete(path), 204)
    refused(await script.get(path), 404, "not_found")


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
@pytest.mark.parametrize("body", [{}, {"name": "Anna"}, {"status": "suspended"}, {"role": "agent"}])
async def test_a_token_never_changes_an_owner_or_admin(
    tenant: Tenant, owner: SimulatedUser, script: Client, role: Role, body: dict[str, str]
) -> None:
    target = owner if role is Role.OWNER else await tenant.person(Role.ADMIN)

    refused(await script.patch(f"/users/{target.id}", json=body), 403, "forbidden")

    assert ok(await script.get(f"/users/{target.id}"))["name"] == "Somebody"


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_a_token_never_deletes_an_owner_or_admin(
    tenant: Tenant, owner: SimulatedUser, script: Client, role: Role
) -> None:
    target = owner if role is Role.OWNER else await tenant.person(Role.ADMIN)

    refused(await script.delete(f"/users/{target.id}"), 403, "forbidden")

    ok(await script.get(f"/users/{target.id}"))


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_a_token_never_promotes_a_user_to_owner_or_admin(tenant: Tenant, script: Client, role: str) -> None:
    target = await tenant.person()

    refused(await script.patch(f"/users/{target.id}", json={"role": role}), 403, "forbidden")

    assert ok(await script.get(f"/users/{target.id}"))["role"] == "agent"


async def test_a_token_never_changes_an_address_not_even_beside_other_fields(
    tenant: Tenant, script: Client
) -> None:
    target = await tenant.person()

    for body in (
        {"email": "x@example.com"},
        {"email": target.user.email},
        {"email": "x@y.example", "name": "Anna"},
    ):
        refused(await script.patch(f"/users/{target.id}", json=body), 403, "forbidden")

    assert ok(await script.get(f"/users/{target.id}"))["name"] == "Somebody"


@pytest.mark.parametrize(
    ("method", "body"), [("PATCH", {"name": "Anna"}), ("DELETE", None), ("PATCH", {"status": "suspended"})]
)
async def test_the_read_scope_does_not_allow_writing(
    tenant: Tenant, owner: SimulatedUser, method: str, body: dict[str, Any] | None
) -> None:
    target = await tenant.person()
    reading = await by_token(tenant, owner, "users:read", "policy:read", "reports", "audit:read", "api")

    answer = await reading.request(method, f"/users/{target.id}", json=body)

    refused(answer, 403, "scope_missing")


async def test_the_write_scope_does_not_allow_reading(tenant: Tenant, owner: SimulatedUser) -> None:
    target, writing = await tenant.person(), await by_token(tenant, owner, "users:write")

    refused(await writing.get(f"/users/{target.id}"), 403, "scope_missing")
    ok(await writing.patch(f"/users/{target.id}", json={"name": "Anna"}))


async def test_the_refusal_of_a_token_is_recorded(tenant: Tenant, owner: SimulatedUser, script: Client) -> None:
    admin = await tenant.person(Role.ADMIN)
    ok(await script.get("/users"))
    trail = AuditTrail(tenant)
    await trail.new()

    refused(await script.delete(f"/users/{admin.id}"), 403, "forbidden")

    [denied] = await trail.new()
    assert (denied.type, denied.credential) == ("access.denied", "api_token")
    assert (denied.actor_id, denied.target_id) == (owner.user.id, admin.user.id)
