"""When sessions end by themselves: unused for too long, or too old."""

from datetime import datetime

import pytest

from app.core.callers import Role
from tests.support.account.arrange import Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.observe.sql import set_role

TEAM = [Role.OWNER, Role.ADMIN, Role.AGENT]


async def assert_alive(browser: Client) -> None:
    ok(await browser.get("/session"))


async def assert_ended(browser: Client) -> None:
    refused(await browser.get("/session"), 401, "unauthenticated")


@pytest.mark.parametrize(("role", "hours"), [*((role, 1) for role in TEAM), (Role.END_USER, 8)])
async def test_a_session_that_is_idle_too_long_ends(
    tenant: Tenant, clock: TurnableClock, role: Role, hours: int
) -> None:
    person = await tenant.signed_in(role)
    clock.turn(hours=hours, seconds=-1)
    await assert_alive(person.browser)

    clock.turn(hours=hours)

    await assert_ended(person.browser)


@pytest.mark.parametrize(("role", "hours"), [(Role.AGENT, 24), (Role.END_USER, 30 * 24)])
async def test_a_session_in_use_ends_when_it_is_too_old(
    tenant: Tenant, clock: TurnableClock, role: Role, hours: int
) -> None:
    person = await tenant.signed_in(role)
    begun_at, pause = clock.now(), 0.9 if role is Role.AGENT else 7.5
    while (clock.now() - begun_at).total_seconds() < (hours - pause) * 3600 - 1:
        clock.turn(hours=pause)
        await assert_alive(person.browser)
    clock.set(begun_at)
    clock.turn(hours=hours, seconds=-1)
    await assert_alive(person.browser)

    clock.turn(seconds=1)

    await assert_ended(person.browser)


async def test_a_step_up_does_not_extend_a_session_beyond_a_day(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.enrolled()
    for _ in range(48):
        clock.turn(minutes=29)
        await tenant.step_up(person)
    clock.turn(minutes=29)

    await assert_ended(person.browser)


async def test_use_extends_a_session_but_never_beyond_its_maximum_age(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await tenant.signed_in()
    begun_at = clock.now()

    async def expires_after() -> float:
        session = ok(await person.browser.get("/session"))["session"]
        return (datetime.fromisoformat(session["expires_at"]) - begun_at).total_seconds() / 3600

    assert await expires_after() == 1
    clock.turn(minutes=30)
    assert await expires_after() == 1.5
    for _ in range(46):
        clock.turn(minutes=30)
        assert await expires_after() <= 24
    assert await expires_after() == 24


async def test_last_seen_at_is_updated_at_most_once_a_minute(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    begun_at = clock.now()

    async def seen_after() -> float:
        session = ok(await person.browser.get("/session"))["session"]
        return (datetime.fromisoformat(session["last_seen_at"]) - begun_at).total_seconds()

    clock.turn(seconds=59)
    assert await seen_after() == 0
    clock.turn(seconds=1)
    assert await seen_after() == 60
    clock.turn(seconds=59)
    assert await seen_after() == 60
    clock.turn(seconds=41)
    assert await seen_after() == 160


async def test_use_within_the_first_minute_does_not_extend_a_session(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    clock.turn(seconds=59)
    await assert_alive(person.browser)

    clock.turn(seconds=3541)

    await assert_ended(person.browser)


async def test_an_end_user_who_joins_the_team_gets_the_teams_time_outs_at_once(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await tenant.signed_in(Role.END_USER)
    clock.turn(hours=2)

    await set_role(tenant, person, "agent")

    await assert_ended(person.browser)
