"""Reading the audit log: who may, and what an event looks like."""

from typing import Any
from uuid import UUID

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.paging import items, pages
from tests.support.account.sign_ins import credentials
from tests.support.account.times import on_the_wire
from tests.support.account.variants import another_account
from tests.support.observe.sql import run_sql

EVENTS = "/audit-events"


async def newest(client: Client, type_: str) -> dict[str, Any]:
    """Return the newest event of a type."""
    return (await items(client, EVENTS, type=type_, limit=100))[0]


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_owner_and_admins_read_what_happened(tenant: Tenant, role: Role) -> None:
    admin, person = await tenant.signed_in(role), await tenant.person()
    headers = {"User-Agent": "a browser", "X-Request-ID": "request-7"}
    ok(await admin.browser.patch(f"/users/{person.id}", json={"name": "Anna"}, headers=headers))

    event = await newest(admin.browser, "user.changed")

    assert UUID(event.pop("id")).version == 7
    assert event == {
        "type": "user.changed",
        "at": on_the_wire(tenant.clock.now()),
        "actor": {"id": admin.id, "email": admin.user.email, "credential": "session"},
        "target": {"type": "user", "id": person.id},
        "ip": "127.0.0.1",
        "user_agent": "a browser",
        "request_id": "request-7",
        "details": {"fields": ["name"]},
    }


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_do_not_read_the_audit_log(tenant: Tenant, role: Role) -> None:
    caller = await tenant.signed_in(role)

    refused(await caller.browser.get(EVENTS), 403, "forbidden")


async def test_an_unauthenticated_caller_does_not_read_the_audit_log(tenant: Tenant) -> None:
    refused(await tenant.browser().get(EVENTS), 401, "unauthenticated")


async def test_a_token_needs_the_scope_audit_read(tenant: Tenant, owner: SimulatedUser) -> None:
    reading = await by_token(tenant, owner, "audit:read")
    other = await by_token(tenant, owner, "users:read", "users:write", "policy:read", "reports", "api")

    assert ok(await reading.get(EVENTS))["items"]
    refused(await other.get(EVENTS), 403, "scope_missing")


async def test_a_password_is_enough_while_the_account_allows_password_access(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    admin, agent = await tenant.person(Role.ADMIN), await tenant.person(Role.AGENT)

    ok(await (await by_password(tenant, admin, owner)).get(EVENTS))
    refused(await (await by_password(tenant, agent, owner)).get(EVENTS), 403, "forbidden")


async def test_reading_needs_no_fresh_session(tenant: Tenant, owner: SimulatedUser) -> None:
    tenant.clock.turn(minutes=30)

    ok(await owner.browser.get(EVENTS))


async def test_events_of_another_account_are_not_listed(tenant: Tenant, owner: SimulatedUser) -> None:
    elsewhere = await another_account(tenant)
    stranger = await elsewhere.signed_in(Role.OWNER)

    assert [event["actor"]["id"] for event in await items(owner.browser, EVENTS)] == [owner.id]
    for name in ("actor_id", "target_id"):
        assert await items(owner.browser, EVENTS, **{name: stranger.id}) == []


async def test_an_event_shows_the_credential(tenant: Tenant, owner: SimulatedUser) -> None:
    person, script = await tenant.person(), await by_token(tenant, owner, "users:write")

    ok(await script.patch(f"/users/{person.id}", json={"name": "Anna"}))

    event = await newest(owner.browser, "user.changed")
    assert event["actor"] == {"id": owner.id, "email": owner.user.email, "credential": "api_token"}


async def test_an_event_without_a_credential_has_no_actor(tenant: Tenant, owner: SimulatedUser) -> None:
    body = {"email": "nobody@example.com", "password": "some password"}
    refused(await tenant.browser().post("/sign-ins", json=body), 401, "invalid_credentials")

    event = await newest(owner.browser, "sign_in.failed")

    assert (event["actor"], event["target"]) == (None, None)


async def test_an_event_without_an_actor_can_have_a_target(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()
    body = credentials(person, password="not the one")
    refused(await tenant.browser().post("/sign-ins", json=body), 401, "invalid_credentials")

    event = await newest(owner.browser, "sign_in.failed")

    assert (event["actor"], event["target"]) == (None, {"type": "user", "id": person.id})


async def test_the_command_line_is_an_actor_without_id(tenant: Tenant, owner: SimulatedUser) -> None:
    statement = (
        "UPDATE audit_events SET actor_id = NULL, credential = 'command_line', ip = NULL, user_agent = NULL"
    )
    await run_sql(tenant, statement + " WHERE account_id = :account")

    [event] = await items(owner.browser, EVENTS)

    assert event["actor"] == {"id": None, "email": None, "credential": "command_line"}
    assert (event["ip"], event["user_agent"]) == (None, None)


async def test_an_event_shows_the_actors_current_address_and_none_after_deletion(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.signed_in()
    statement = "UPDATE users SET email = 'new@example.com', email_key = 'new@example.com' WHERE id = :id"
    await run_sql(tenant, statement, id=person.user.id)

    [signed_in] = await items(owner.browser, EVENTS, actor_id=person.id)
    assert signed_in["actor"]["email"] == "new@example.com"

    ok(await owner.browser.delete(f"/users/{person.id}"), 204)

    [signed_in] = await items(owner.browser, EVENTS, actor_id=person.id)
    assert signed_in["actor"] == {"id": person.id, "email": None, "credential": None}
    assert "new@example.com" not in str(await items(owner.browser, EVENTS))


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (100, [5])])
async def test_pages_are_newest_first_and_neither_lose_nor_repeat_events(
    tenant: Tenant, owner: SimulatedUser, limit: int, sizes: list[int]
) -> None:
    people = [owner]
    for _ in range(4):
        tenant.clock.turn(seconds=1)
        people.append(await tenant.signed_in())

    found = await pages(owner.browser, EVENTS, limit=limit)

    assert [len(page) for page in found] == sizes
    actors = [event["actor"]["id"] for page in found for event in page]
    assert actors == [person.id for person in reversed(people)]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nobody_writes_to_the_audit_log(owner: SimulatedUser, method: str) -> None:
    answer = await owner.browser.request(method, EVENTS, json={})

    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
