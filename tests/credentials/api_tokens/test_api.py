"""API tokens over HTTP: shown once, scoped, revocable, and never usable as a session."""

import asyncio
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.credentials import basic, by_token


async def make(admin: SimulatedUser, *scopes: str, **more: object) -> dict[str, Any]:
    body = {"description": "a script", "scopes": list(scopes)} | more
    made: dict[str, Any] = ok(await admin.browser.post("/api-tokens", json=body), 201)
    return made


async def test_a_token_is_shown_once_and_never_again(owner: SimulatedUser) -> None:
    made = await make(owner, "api", "users:read")

    listed = ok(await owner.browser.get("/api-tokens"))

    assert made["token"].startswith("pgt_")
    assert len(made["token"]) == 47
    assert made["scopes"] == ["api", "users:read"]
    assert [item["id"] for item in listed["items"]] == [made["id"]]
    assert made["token"] not in str(listed)
    assert listed["items"][0]["last_used_at"] is None


async def test_a_token_is_accepted_only_with_its_owners_address(tenant: Tenant, owner: SimulatedUser) -> None:
    token = (await make(owner, "api"))["token"]
    other = await tenant.person(Role.ADMIN)
    browser = tenant.browser()

    async def status(name: str, secret: str = token) -> int:
        return (await browser.get("/authorize", headers={"Authorization": basic(name, secret)})).status_code

    assert await status(f"{owner.user.email}/token") == 204
    assert await status(f" {owner.user.email.upper()}/token") == 204
    assert await status(f"{other.user.email}/token") == 401
    assert await status(owner.user.email) == 401
    assert await status(f"{owner.user.email}/token", token[:-1]) == 401
    assert await status(f"{owner.user.email}/token", token[:-1] + ("A" if token[-1] != "A" else "B")) == 401
    assert (await browser.get("/authorize", headers={"Authorization": f"Bearer {token}"})).status_code == 401


async def test_a_token_of_one_account_is_unknown_in_another(tenant: Tenant, owner: SimulatedUser) -> None:
    client = await by_token(tenant, owner, "api")
    other = await make_tenant(tenant.app, tenant.services, tenant.clock)

    answer = await other.browser().get("/authorize", headers=dict(client.http.headers))

    refused(answer, 401, "unauthenticated")


async def test_authorize_names_the_owner_of_the_token(tenant: Tenant, owner: SimulatedUser) -> None:
    client = await by_token(tenant, owner, "api")

    answer = await client.get("/authorize")

    assert answer.headers["passgate-user-id"] == owner.id
    assert answer.headers["passgate-user-email"] == owner.user.email
    assert answer.headers["passgate-user-role"] == "owner"
    assert answer.headers["passgate-credential"] == "api_token"
    assert answer.headers["passgate-assurance"] == "aal1"


async def test_a_token_is_exempt_from_every_requirement(tenant: Tenant, owner: SimulatedUser) -> None:
    client = await by_token(tenant, owner, "api", "policy:read")
    await tenant.require(owner, team_members=True, end_users=True)

    assert (await client.get("/authorize")).status_code == 204
    assert ok(await client.get("/security-policy"))["require_two_factor"]["team_members"]


async def test_a_token_does_only_what_its_scopes_allow(tenant: Tenant, owner: SimulatedUser) -> None:
    client = await by_token(tenant, owner, "policy:read")

    ok(await client.get("/security-policy"))
    refused(await client.get("/authorize"), 403, "scope_missing")
    refused(await client.patch("/security-policy", json={}), 403, "session_required")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/session", None),
        ("DELETE", "/session", None),
        ("POST", "/session/step-up", {"password": "x"}),
        ("POST", "/users/me/two-factor/enrollments", {"kind": "totp"}),
        ("DELETE", "/users/me/two-factor", None),
        ("POST", "/users/me/two-factor/recovery-codes", None),
        ("PUT", "/users/me/password", {"current_password": "a", "new_password": "b"}),
        ("POST", "/api-tokens", {"description": "more", "scopes": ["api"]}),
        ("GET", "/api-tokens", None),
    ],
)
async def test_a_token_never_acts_as_a_person(
    tenant: Tenant, owner: SimulatedUser, method: str, path: str, body: dict[str, object] | None
) -> None:
    client = await by_token(
        tenant, owner, "policy:read", "users:read", "users:write", "reports", "audit:read", "api"
    )

    refused(await client.request(method, path, json=body or {}), 403, "session_required")


async def test_a_revoked_token_is_refused_on_the_next_call(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await make(owner, "api")
    client = tenant.browser()
    client.http.headers["Authorization"] = basic(f"{owner.user.email}/token", made["token"])
    assert (await client.get("/authorize")).status_code == 204

    ok(await owner.browser.delete(f"/api-tokens/{made['id']}"), 204)

    refused(await client.get("/authorize"), 401, "unauthenticated")
    refused(await owner.browser.delete(f"/api-tokens/{made['id']}"), 404, "not_found")


async def test_a_token_ends_at_its_expires_at(tenant: Tenant, owner: SimulatedUser, clock: TurnableClock) -> None:
    clock.turn(minutes=-1)
    ends = clock.now().replace(microsecond=0).isoformat()
    clock.turn(minutes=1)
    body = {"description": "late", "scopes": ["api"], "expires_at": ends}
    problem = refused(await owner.browser.post("/api-tokens", json=body), 422, "invalid_request")
    assert problem["errors"][0]["pointer"] == "/expires_at"

    clock.turn(minutes=2)
    ends = clock.now().isoformat()
    clock.turn(minutes=-2)
    made = await make(owner, "api", expires_at=ends)
    client = tenant.browser()
    client.http.headers["Authorization"] = basic(f"{owner.user.email}/token", made["token"])
    clock.turn(minutes=1, seconds=59)
    assert (await client.get("/authorize")).status_code == 204
    clock.turn(seconds=1)
    assert (await client.get("/authorize")).status_code == 401


async def test_only_admins_with_a_fresh_session_make_tokens(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    body = {"description": "a script", "scopes": ["api"]}
    agent = await tenant.signed_in(Role.AGENT)
    refused(await agent.browser.post("/api-tokens", json=body), 403, "forbidden")

    clock.turn(minutes=10, seconds=1)
    refused(await owner.browser.post("/api-tokens", json=body), 401, "step_up_required")


async def test_only_the_owner_revokes_the_owner_s_tokens(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await make(owner, "api")
    admin = await tenant.signed_in(Role.ADMIN)

    refused(await admin.browser.delete(f"/api-tokens/{made['id']}"), 403, "forbidden")

    admins_token = await make(admin, "api")
    ok(await owner.browser.delete(f"/api-tokens/{admins_token['id']}"), 204)


@pytest.mark.parametrize(
    "body",
    [
        {"description": "x", "scopes": []},
        {"description": "x", "scopes": ["everything"]},
        {"description": "", "scopes": ["api"]},
        {"description": "x" * 201, "scopes": ["api"]},
        {"description": "x", "scopes": ["api"], "expires_at": "2030-01-01T00:00:00"},
        {"description": "x", "scopes": ["api"], "expires_at": 1},
        {"scopes": ["api"]},
    ],
)
async def test_a_bad_token_request_is_refused(owner: SimulatedUser, body: dict[str, object]) -> None:
    refused(await owner.browser.post("/api-tokens", json=body), 422, "invalid_request")


async def test_use_is_noted_once_a_minute_and_audited_once_a_day(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    client = await by_token(tenant, owner, "api", "audit:read")

    async def used() -> int:
        return len(ok(await client.get("/audit-events?type=api_token.used"))["items"])

    assert await used() == 1
    clock.turn(minutes=2)
    assert await used() == 1
    clock.turn(days=1)
    assert await used() == 2


async def test_concurrent_first_uses_of_a_day_are_audited_once(tenant: Tenant, owner: SimulatedUser) -> None:
    client = await by_token(tenant, owner, "api", "audit:read")

    for answer in await asyncio.gather(*(client.get("/authorize") for _ in range(8))):
        ok(answer, 204)

    assert len(ok(await client.get("/audit-events?type=api_token.used"))["items"]) == 1
