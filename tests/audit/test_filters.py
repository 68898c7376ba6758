"""The filters of the audit log: by type, actor, target and time."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from app.audit.rules import EventType
from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.paging import items, pages
from tests.support.account.times import on_the_wire
from tests.support.observe.sql import run_sql

EVENTS = "/audit-events"


async def types(owner: SimulatedUser, **filters: Any) -> list[str]:
    return [event["type"] for event in await items(owner.browser, EVENTS, **filters)]


async def test_the_type_filter_returns_only_that_type(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()
    ok(await owner.browser.patch(f"/users/{person.id}", json={"name": "Anna"}))
    ok(await owner.browser.delete(f"/users/{person.id}"), 204)

    assert await types(owner, type="user.changed") == ["user.changed"]
    assert await types(owner, type="user.deleted") == ["user.deleted"]
    assert await types(owner, type="policy.changed") == []


@pytest.mark.parametrize("type_", [type_.value for type_ in EventType])
async def test_every_recorded_type_is_a_valid_filter(owner: SimulatedUser, type_: str) -> None:
    assert set(await types(owner, type=type_)) <= {type_}


@pytest.mark.parametrize("type_", ["", "user", "user.renamed", "USER.CHANGED", "user_changed", "user.changed "])
async def test_an_unknown_type_is_refused(owner: SimulatedUser, type_: str) -> None:
    problem = refused(await owner.browser.get(EVENTS, params={"type": type_}), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/type", "not_allowed")]


async def test_actor_and_target_are_filtered_separately(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in(Role.ADMIN)
    ok(await owner.browser.patch(f"/users/{person.id}", json={"name": "Anna"}))

    assert await types(owner, actor_id=person.id) == ["sign_in.succeeded"]
    assert await types(owner, target_id=person.id) == ["user.changed"]
    assert await types(owner, actor_id=str(uuid.uuid4())) == []
    assert await types(owner, actor_id=person.id, target_id=person.id) == []


async def test_since_is_inclusive_and_until_is_exclusive(tenant: Tenant, owner: SimulatedUser) -> None:
    first = tenant.clock.now()
    moments = [first]
    for _ in range(3):
        tenant.clock.turn(seconds=1)
        moments.append(tenant.clock.now())
        await tenant.signed_in()

    async def times(**filters: Any) -> list[str]:
        return [event["at"] for event in await items(owner.browser, EVENTS, **filters)]

    expected = [on_the_wire(moment) for moment in reversed(moments)]
    assert await times() == expected
    assert await times(since=on_the_wire(moments[1])) == expected[:3]
    assert await times(until=on_the_wire(moments[1])) == expected[3:]
    assert await times(since=on_the_wire(moments[1]), until=on_the_wire(moments[3])) == expected[1:3]
    assert await times(since=on_the_wire(moments[3]), until=on_the_wire(moments[3])) == []
    just_after = on_the_wire(moments[1] + timedelta(microseconds=1))
    assert await times(since=just_after) == expected[:2]
    assert await times(until=just_after) == expected[2:]


@pytest.mark.parametrize("offset", ["Z", "z", "+00:00", "-00:00"])
async def test_every_spelling_of_the_utc_offset_is_accepted(
    tenant: Tenant, owner: SimulatedUser, offset: str
) -> None:
    now = tenant.clock.now().isoformat().removesuffix("+00:00")

    assert await types(owner, since=now + offset) == ["sign_in.succeeded"]
    assert await types(owner, until=now + offset) == []


async def test_a_time_with_another_offset_is_converted(tenant: Tenant, owner: SimulatedUser) -> None:
    there = (tenant.clock.now() + timedelta(hours=5, minutes=45)).isoformat().replace("+00:00", "+05:45")

    assert await types(owner, since=there) == ["sign_in.succeeded"]
    assert await types(owner, until=there) == []


@pytest.mark.parametrize(
    ("moment", "is_before"),
    [("0001-01-01T00:00:00Z", True), ("1969-12-31T23:59:59Z", True), ("9999-12-31T23:59:59Z", False)],
)
async def test_times_in_the_far_past_and_future_are_accepted(
    owner: SimulatedUser, moment: str, *, is_before: bool
) -> None:
    assert (await types(owner, since=moment) != []) == is_before
    assert (await types(owner, until=moment) == []) == is_before


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "moment",
    [
        "",
        "yesterday",
        "1700000000",
        "2026-11-24",
        "2026-11-24T10:00:00",
        "2026-11-24T10:00Z",
        "2026-11-24 10:00:00Z",
        "2026-11-24T10:00:00 02:00",
        "2026-11-24T10:00:00+0200",
        "2026-11-24T25:00:00Z",
        "2026-02-30T10:00:00Z",
        "20261124T100000Z",
        "2026-W48-2T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\u0662026-11-24T10:00:00Z",
    ],
)
async def test_an_invalid_rfc_3339_time_is_refused(owner: SimulatedUser, name: str, moment: str) -> None:
    problem = refused(await owner.browser.get(EVENTS, params={name: moment}), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(f"/{name}", "malformed")]


@pytest.mark.parametrize("name", ["actor_id", "target_id"])
@pytest.mark.parametrize("value", ["", "me", "1", "a\0b"])
async def test_an_invalid_id_is_refused(owner: SimulatedUser, name: str, value: str) -> None:
    problem = refused(await owner.browser.get(EVENTS, params={name: value}), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == [f"/{name}"]


async def test_the_pages_of_a_filtered_log_keep_the_filter(tenant: Tenant, owner: SimulatedUser) -> None:
    for _ in range(3):
        tenant.clock.turn(seconds=1)
        person = await tenant.signed_in()
        ok(await person.browser.delete("/session"), 204)

    found = await pages(owner.browser, EVENTS, limit=2, type="session.ended")

    assert [[event["type"] for event in page] for page in found] == [["session.ended"] * 2, ["session.ended"]]


async def test_each_filter_has_an_index_in_the_order_of_the_list(tenant: Tenant) -> None:
    found = {
        definition.partition("(")[2]
        for (definition,) in await run_sql(
            tenant,
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'audit_events' AND schemaname = current_schema()",
        )
    }

    assert found == {f"account_id, {column}id)" for column in ("", "type, ", "actor_id, ", "target_id, ")}
