"""Service accounts: made by admins, never signed in, and in no count of people."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import basic, by_token
from tests.support.account.paging import items
from tests.support.account.reports import ReportClient
from tests.support.account.services import with_changes
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql

PATH = "/service-accounts"
JOB = {"name": "Nightly job", "role": "admin"}


async def make(admin: SimulatedUser, **changes: str) -> dict[str, Any]:
    """Create a service account."""
    made: dict[str, Any] = ok(await admin.browser.post(PATH, json=JOB | changes), 201)
    return made


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_owner_and_admins_make_service_accounts(tenant: Tenant, role: Role) -> None:
    admin = await tenant.signed_in(role)
    trail = AuditTrail(tenant)
    await trail.new()

    response = await admin.browser.post(PATH, json=JOB | {"role": "agent"})

    made = ok(response, 201)
    assert made["email"] == f"{made['id']}@service.invalid"
    assert (made["kind"], made["role"], made["status"]) == ("service", "agent", "active")
    assert response.headers["location"] == f"/v1/accounts/{tenant.account.slug}/users/{made['id']}"
    assert ok(await admin.browser.get(f"/users/{made['id']}")) == made
    [event] = await trail.new()
    assert (event.type, event.actor_id, str(event.target_id)) == ("user.created", admin.user.id, made["id"])
    assert event.details == {"role": "agent", "kind": "service"}


async def test_nobody_else_makes_one(tenant: Tenant, owner: SimulatedUser) -> None:
    agent = await tenant.signed_in(Role.AGENT)
    script = await by_token(tenant, owner, "users:write", "users:read", "api")

    refused(await agent.browser.post(PATH, json=JOB), 403, "forbidden")
    refused(await script.post(PATH, json=JOB), 403, "session_required")
    tenant.clock.turn(minutes=11)
    refused(await owner.browser.post(PATH, json=JOB), 401, "step_up_required")
    assert await items(agent.browser, "/users", kind="service") == []


@pytest.mark.parametrize(
    "change",
    [{"role": "owner"}, {"role": "end_user"}, {"name": ""}, {"name": "x" * 60_000}, {"email": "a@b.example"}],
)
async def test_a_bad_service_account_is_refused(owner: SimulatedUser, change: dict[str, str]) -> None:
    refused(await owner.browser.post(PATH, json=JOB | change), 422, "invalid_request")


async def test_a_list_of_users_has_both_kinds_or_one(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await make(owner)

    assert {user["id"] for user in await items(owner.browser, "/users")} == {owner.id, made["id"]}
    assert [user["id"] for user in await items(owner.browser, "/users", kind="service")] == [made["id"]]
    assert [user["id"] for user in await items(owner.browser, "/users", kind="person")] == [owner.id]
    stranger = await (await another_account(tenant)).signed_in(Role.OWNER)
    refused(await stranger.browser.get(f"/users/{made['id']}"), 404, "not_found")


async def test_it_cannot_sign_in_in_any_way(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await make(owner, role="agent")
    browser = tenant.browser()
    await name_provider(owner, trusted_domains=["service.invalid"], roles=["admin", "agent", "end_user"])
    asserting = await by_token(tenant, owner, "sign_ins")

    refused(
        await browser.post("/sign-ins", json={"email": made["email"], "password": PASSWORD}),
        401,
        "invalid_credentials",
    )
    by_address = jwt_sign_in(token_of(tenant, email=made["email"]))
    refused(await browser.post("/sign-ins/jwt", json=by_address), 403, "forbidden")
    for factor in ("password", "sso"):
        for who in ({"user_id": made["id"]}, {"email": made["email"]}):
            assertion = {"first_factor": factor} | who
            refused(await asserting.post("/sign-ins/assertions", json=assertion), 403, "forbidden")
    codes = {"reason": "lost"}
    refused(
        await owner.browser.post(f"/users/{made['id']}/two-factor/recovery-codes", json=codes),
        409,
        "no_authenticator",
    )
    refused(await owner.browser.post("/ownership", json={"user_id": made["id"]}), 409, "conflict")
    assert (
        await run_sql(
            tenant, "SELECT id FROM sessions WHERE account_id = :account AND user_id = :id", id=made["id"]
        )
        == []
    )


async def test_it_cannot_call_by_a_password(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await make(owner)
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": True}))
    browser = tenant.browser()

    answer = await browser.get("/authorize", headers={"Authorization": basic(made["email"], PASSWORD)})

    refused(answer, 401, "invalid_credentials")


async def test_it_gets_no_letter(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await make(owner)
    ok(await tenant.browser().post("/password-links", json={"email": made["email"]}), 202)
    ok(await owner.browser.patch(f"/users/{made['id']}", json={"role": "agent", "name": "Renamed"}))
    ok(await owner.browser.patch(f"/users/{made['id']}", json={"status": "suspended"}))
    ok(await owner.browser.delete(f"/users/{made['id']}"), 204)

    mine = (
        "SELECT task_name FROM procrastinate_jobs WHERE args->>'account_id' = CAST(CAST(:account AS uuid) AS text)"
    )
    queued = await run_sql(tenant, mine)

    assert [row.task_name for row in queued] == ["look_up_for_password_link"]


async def test_its_password_link_is_never_sent(tenant: Tenant, owner: SimulatedUser) -> None:
    from app.credentials.links.jobs import look_up_for_password_link  # noqa: PLC0415 -- for this test alone

    made = await make(owner)
    now = tenant.clock.now().isoformat()
    given = {"account_id": str(tenant.account.id), "at": now, "ip": "", "user_agent": "", "request_id": ""}
    await look_up_for_password_link(tenant.services, email=made["email"], **given)
    found = "SELECT id FROM links WHERE account_id = :account"
    assert await run_sql(tenant, found) == []

    await look_up_for_password_link(tenant.services, email=owner.user.email, **given)
    assert len(await run_sql(tenant, found)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"email": "a@b.example"},
        {"external_id": "crm-7"},
        {"role": "owner"},
        {"role": "end_user"},
        {"test_passcode": True},
    ],
)
async def test_it_gets_nothing_that_only_a_person_has(owner: SimulatedUser, change: dict[str, Any]) -> None:
    made = await make(owner)

    refused(await owner.browser.patch(f"/users/{made['id']}", json=change), 409, "conflict")
    assert ok(await owner.browser.get(f"/users/{made['id']}")) == made


@pytest.mark.parametrize(
    "change",
    ["password_hash = 'x'", "role = 'owner'", "role = 'end_user'", "external_id = '7'", "kind = 'person'"],
)
async def test_the_database_refuses_it_too(tenant: Tenant, owner: SimulatedUser, change: str) -> None:
    made = await make(owner)
    statement = f"UPDATE users SET {change} WHERE account_id = :account AND id = :id"  # noqa: S608 -- constants

    with pytest.raises(IntegrityError):
        await run_sql(tenant, statement, id=made["id"])


async def test_it_is_not_among_the_people_that_are_counted(tenant: Tenant, owner: SimulatedUser) -> None:
    preview = "/security-policy/preview?team_members=true&end_users=true"
    before = ok(await owner.browser.get(preview))
    made = await make(owner)

    assert ok(await owner.browser.get(preview)) == before
    await tenant.enroll(owner)
    await tenant.require(owner, team_members=True)
    assert await items(owner.browser, "/users", two_factor="setup_required") == []
    shown = ok(await owner.browser.get(f"/users/{made['id']}/two-factor"))
    assert (shown["status"], shown["required_by_account"]) == ("off", False)


@pytest.mark.parametrize("many", [True, False])
async def test_it_is_not_in_the_report(
    tenant: Tenant, owner: SimulatedUser, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    if many:
        monkeypatch.setattr("app.administration.reports.writing._MAX_BY_ID", 0)
    reports = ReportClient(tenant, with_changes(tenant.services, data_dir=tmp_path))
    await make(owner)

    rows = await reports.rows(owner, include_end_users=True)

    assert [row["user_id"] for row in rows] == [owner.id]


async def test_an_api_token_does_not_act_on_service_accounts(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await make(owner, role="agent")
    script = await by_token(tenant, owner, "users:write")

    refused(await script.patch(f"/users/{made['id']}", json={"status": "suspended"}), 403, "forbidden")
    refused(await script.delete(f"/users/{made['id']}"), 403, "forbidden")
    assert ok(await owner.browser.get(f"/users/{made['id']}"))["status"] == "active"


async def test_an_admin_suspends_and_deletes_a_service_account(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await make(owner)
    admin = await tenant.signed_in(Role.ADMIN)

    suspended = ok(await admin.browser.patch(f"/users/{made['id']}", json={"status": "suspended"}))
    assert suspended["status"] == "suspended"
    ok(await admin.browser.delete(f"/users/{made['id']}"), 204)
    refused(await owner.browser.get(f"/users/{made['id']}"), 404, "not_found")


async def test_two_service_accounts_with_one_name_are_two(owner: SimulatedUser) -> None:
    first, second = await asyncio.gather(make(owner), make(owner))

    assert first["email"] != second["email"]
