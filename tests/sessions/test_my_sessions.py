"""Listing the user's own sessions, and ending one of them or all others."""

import base64
import uuid
from typing import Any

import pytest
from fastapi import FastAPI

from app.core.callers import Role
from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.times import on_the_wire

PATH = "/users/me/sessions"


async def sign_in_more(tenant: Tenant, person: SimulatedUser, count: int) -> list[Client]:
    """Sign the person in from `count` new browsers, one second apart."""
    browsers = []
    for _ in range(count):
        tenant.clock.turn(seconds=1)
        browsers.append(tenant.browser())
        await tenant.sign_in(person, browsers[-1])
    return browsers


async def id_of(browser: Client) -> str:
    session_id: str = ok(await browser.get("/session"))["session"]["id"]
    return session_id


async def pages(browser: Client, limit: int) -> list[list[dict[str, Any]]]:
    """Follow the cursors to the end of the list."""
    found, parameters = [], {"limit": str(limit)}
    for _ in range(10):
        answer = ok(await browser.get(PATH, params=parameters))
        assert set(answer) == {"items", "next_cursor"}
        found.append(answer["items"])
        if answer["next_cursor"] is None:
            return found
        parameters["cursor"] = answer["next_cursor"]
    raise AssertionError("the list does not come to an end")


async def test_sessions_are_listed_newest_first_with_the_current_one_marked(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    made_at = tenant.clock.now()
    (elsewhere,) = await sign_in_more(tenant, owner, 1)
    newer, older = await id_of(elsewhere), await id_of(owner.browser)

    answer = ok(await owner.browser.get(PATH))

    assert answer["next_cursor"] is None
    assert [(found["id"], found["current"]) for found in answer["items"]] == [(newer, False), (older, True)]
    assert answer["items"][1] == ok(await owner.browser.get("/session"))["session"]
    assert answer["items"][1]["created_at"] == on_the_wire(made_at)
    for found in answer["items"]:
        assert "token" not in found


async def test_sessions_of_other_users_are_not_listed(tenant: Tenant, owner: SimulatedUser) -> None:
    await tenant.signed_in(Role.ADMIN)

    assert [found["user_id"] for found in ok(await owner.browser.get(PATH))["items"]] == [owner.id]


async def test_an_idle_session_that_has_ended_is_not_listed(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    clock.turn(minutes=30)
    (elsewhere,) = await sign_in_more(tenant, owner, 1)
    clock.turn(minutes=30)

    items = ok(await elsewhere.get(PATH))["items"]

    assert [found["id"] for found in items] == [await id_of(elsewhere)]


async def test_a_session_past_its_maximum_age_is_not_listed(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    for _ in range(30):
        clock.turn(minutes=48)
        if (await person.browser.get("/session")).status_code == 401:
            break
    (elsewhere,) = await sign_in_more(tenant, person, 1)

    assert len(ok(await elsewhere.get(PATH))["items"]) == 1


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (100, [5])])
async def test_the_pages_of_sessions_neither_lose_nor_repeat_any(
    tenant: Tenant, owner: SimulatedUser, limit: int, sizes: list[int]
) -> None:
    browsers = [owner.browser, *await sign_in_more(tenant, owner, 4)]

    found = await pages(owner.browser, limit)

    assert [len(page) for page in found] == sizes
    listed = [session["id"] for page in found for session in page]
    assert listed == [await id_of(browser) for browser in reversed(browsers)]


async def test_a_page_has_fifty_sessions_without_a_limit(tenant: Tenant, owner: SimulatedUser) -> None:
    await sign_in_more(tenant, owner, 50)

    answer = ok(await owner.browser.get(PATH))

    assert len(answer["items"]) == 50
    assert answer["next_cursor"]


async def test_the_cursor_of_another_users_list_shows_nothing_of_theirs(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    other = await tenant.signed_in()
    await sign_in_more(tenant, other, 2)
    cursor = ok(await other.browser.get(PATH, params={"limit": "1"}))["next_cursor"]

    items = ok(await owner.browser.get(PATH, params={"cursor": cursor}))["items"]

    assert all(found["user_id"] == owner.id for found in items)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "ten", "99999999999999999999"])
async def test_a_limit_outside_1_to_100_is_refused(owner: SimulatedUser, limit: str) -> None:
    problem = refused(await owner.browser.get(PATH, params={"limit": limit}), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == ["/limit"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!" * 22,
        "A" * 21,
        "A" * 65,
        "é" * 22,
        "00000000-0000-0000-0000-000000000000",
        base64.urlsafe_b64encode(b"x" * 17).decode(),
    ],
)
async def test_an_invalid_cursor_of_sessions_is_refused(owner: SimulatedUser, cursor: str) -> None:
    problem = refused(await owner.browser.get(PATH, params={"cursor": cursor}), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == ["/cursor"]


async def test_ending_one_session_ends_no_other(tenant: Tenant, owner: SimulatedUser) -> None:
    lost, kept = await sign_in_more(tenant, owner, 2)

    ok(await owner.browser.delete(f"{PATH}/{await id_of(lost)}"), 204)

    refused(await lost.get("/session"), 401, "unauthenticated")
    ok(await kept.get("/session"))
    ok(await owner.browser.get("/session"))


async def test_ending_the_current_session_signs_out(owner: SimulatedUser) -> None:
    ok(await owner.browser.delete(f"{PATH}/{await id_of(owner.browser)}"), 204)

    refused(await owner.browser.get("/session"), 401, "unauthenticated")


async def test_an_ended_session_cannot_be_ended_again(tenant: Tenant, owner: SimulatedUser) -> None:
    (lost,) = await sign_in_more(tenant, owner, 1)
    path = f"{PATH}/{await id_of(lost)}"
    ok(await owner.browser.delete(path), 204)

    refused(await owner.browser.delete(path), 404, "not_found")


async def test_ending_all_others_leaves_the_current_session_and_other_users_sessions(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    others = await sign_in_more(tenant, owner, 3)
    somebody = await tenant.signed_in()

    ok(await owner.browser.delete(PATH), 204)

    for browser in others:
        refused(await browser.get("/session"), 401, "unauthenticated")
    assert [found["current"] for found in ok(await owner.browser.get(PATH))["items"]] == [True]
    ok(await somebody.browser.get("/session"))


async def test_the_session_of_another_user_is_not_found(tenant: Tenant, owner: SimulatedUser) -> None:
    other = await tenant.signed_in(Role.AGENT)

    foreign = refused(await owner.browser.delete(f"{PATH}/{await id_of(other.browser)}"), 404, "not_found")

    assert foreign == refused(await owner.browser.delete(f"{PATH}/{uuid.uuid4()}"), 404, "not_found")
    ok(await other.browser.get("/session"))


async def test_the_session_of_another_account_is_not_found(
    app: FastAPI, services: Services, owner: SimulatedUser, clock: TurnableClock
) -> None:
    other = await (await make_tenant(app, services, clock)).signed_in(Role.OWNER)

    refused(await owner.browser.delete(f"{PATH}/{await id_of(other.browser)}"), 404, "not_found")

    ok(await other.browser.get("/session"))


@pytest.mark.parametrize("malformed", ["1", "current", "0" * 64, "%00"])
async def test_a_malformed_session_id_is_not_found(owner: SimulatedUser, malformed: str) -> None:
    refused(await owner.browser.delete(f"{PATH}/{malformed}"), 404, "not_found")

    ok(await owner.browser.get("/session"))


async def test_listing_and_ending_sessions_needs_a_session(tenant: Tenant, owner: SimulatedUser) -> None:
    session_id = await id_of(owner.browser)
    browser = tenant.browser()

    refused(await browser.get(PATH), 401, "unauthenticated")
    refused(await browser.delete(PATH), 401, "unauthenticated")
    refused(await browser.delete(f"{PATH}/{session_id}"), 401, "unauthenticated")

    ok(await owner.browser.get("/session"))
