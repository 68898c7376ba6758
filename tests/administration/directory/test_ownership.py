"""Handing the account over: by the owner alone, to an active admin, with one owner at every moment."""

import uuid
from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.freshness import step_up_required
from tests.support.account.paging import items
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import set_status


async def hand_over(caller: SimulatedUser, user_id: Any) -> httpx.Response:
    return await caller.browser.post("/ownership", json={"user_id": user_id})


async def owners(reader: SimulatedUser) -> list[str]:
    return [user["id"] for user in await items(reader.browser, "/users", role="owner")]


async def test_the_owner_hands_over_to_an_admin_and_becomes_admin(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.signed_in(Role.ADMIN)

    shown = ok(await hand_over(owner, heir.id))

    assert (shown["id"], shown["role"]) == (heir.id, "owner")
    for person in (owner, heir):
        await tenant.sign_in(person)
    assert await owners(heir) == [heir.id]
    assert ok(await heir.browser.get("/session"))["user"]["role"] == "owner"
    assert ok(await owner.browser.get("/session"))["user"]["role"] == "admin"


async def test_both_act_in_their_new_roles_at_once(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.signed_in(Role.ADMIN)
    ok(await hand_over(owner, heir.id))
    for person in (owner, heir):
        await tenant.sign_in(person)

    refused(await hand_over(owner, heir.id), 403, "forbidden")
    refused(await owner.browser.patch(f"/users/{heir.id}", json={"name": "Anna"}), 403, "forbidden")
    ok(await heir.browser.patch(f"/users/{owner.id}", json={"role": "agent"}))
    ok(await heir.browser.delete(f"/users/{owner.id}"), 204)


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_nobody_but_an_admin_can_receive_ownership(tenant: Tenant, owner: SimulatedUser, role: Role) -> None:
    heir = await tenant.person(role)

    refused(await hand_over(owner, heir.id), 409, "conflict")

    assert await owners(owner) == [owner.id]


async def test_a_suspended_admin_cannot_receive_ownership(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.person(Role.ADMIN)
    await set_status(tenant, heir, "suspended")

    refused(await hand_over(owner, heir.id), 409, "conflict")


async def test_the_owner_cannot_hand_over_to_themselves(owner: SimulatedUser) -> None:
    refused(await hand_over(owner, owner.id), 409, "conflict")

    assert await owners(owner) == [owner.id]


async def test_an_admin_of_another_account_gets_the_answer_of_an_unknown_id(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    stranger = await (await another_account(tenant)).person(Role.ADMIN)

    foreign = refused(await hand_over(owner, stranger.id), 404, "not_found")

    assert foreign == refused(await hand_over(owner, str(uuid.uuid4())), 404, "not_found")
    assert await owners(owner) == [owner.id]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT, Role.END_USER])
async def test_nobody_but_the_owner_hands_over(tenant: Tenant, role: Role) -> None:
    caller = await tenant.signed_in(role)

    refused(await hand_over(caller, caller.id), 403, "forbidden")


async def test_a_session_that_is_not_fresh_hands_nothing_over(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.person(Role.ADMIN)
    tenant.clock.turn(minutes=10, seconds=1)

    step_up_required(await hand_over(owner, heir.id))


async def test_only_a_session_hands_over(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.person(Role.ADMIN)
    body = {"user_id": heir.id}
    everything = ("policy:read", "users:read", "users:write", "reports", "audit:read", "api")

    script = await by_token(tenant, owner, *everything)
    refused(await script.post("/ownership", json=body), 403, "session_required")
    client = await by_password(tenant, owner, owner)
    refused(await client.post("/ownership", json=body), 403, "session_required")


@pytest.mark.parametrize("user_id", [None, "", "me", 7, ["x"]])
async def test_the_new_owner_must_be_named_by_id(owner: SimulatedUser, user_id: Any) -> None:
    problem = refused(await hand_over(owner, user_id), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == ["/user_id"]


async def test_a_hand_over_is_recorded_for_both_users(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.person(Role.ADMIN)
    trail = AuditTrail(tenant)
    await trail.new()

    ok(await hand_over(owner, heir.id))

    events = await trail.new()
    assert {event.actor_id for event in events} == {owner.user.id}
    assert {event.type for event in events} == {"ownership.handed_over", "user.changed", "session.ended"}
    [handed_over] = [event for event in events if event.type == "ownership.handed_over"]
    assert (handed_over.target_id, handed_over.details) == (heir.user.id, {"from": owner.id})
    recorded = {event.target_id: event for event in events if event.type == "user.changed"}
    assert recorded[owner.user.id].details == {
        "fields": ["role"],
        "old": {"role": "owner"},
        "new": {"role": "admin"},
    }
    assert recorded[heir.user.id].details["new"] == {"role": "owner"}
