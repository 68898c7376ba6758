"""`end_sessions`: a requirement is met now, and not at each user's next sign-in."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.arrange import Person, Place
from tests.support.audit import Trail
from tests.support.client import Client, ok, refused
from tests.support.enrolling import enroll_at_sign_in
from tests.support.sql import run_sql

PATH = "/security-policy"


async def require_now(owner: Person, **groups: bool) -> None:
    body = {"require_two_factor": groups, "end_sessions": True}
    ok(await owner.browser.patch(PATH, json=body))


async def alive(browser: Client) -> None:
    ok(await browser.get("/session"))


async def ended(browser: Client) -> None:
    refused(await browser.get("/session"), 401, "unauthenticated")


async def test_without_it_sessions_stay_until_the_next_sign_in(place: Place, owner: Person) -> None:
    person = await place.signed_in()

    await place.require(owner, team_members=True)

    await alive(person.browser)
    assert (await place.sign_in(person))["status"] == "enrollment_required"


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT])
async def test_who_must_enroll_is_signed_out_on_all_browsers_and_must_enroll_to_come_back(
    place: Place, owner: Person, role: Role
) -> None:
    person = await place.signed_in(role)
    elsewhere = place.browser()
    await place.sign_in(person, elsewhere)

    await require_now(owner, team_members=True)

    for browser in (person.browser, elsewhere):
        await ended(browser)
    await enroll_at_sign_in(place, person)
    await alive(person.browser)


async def test_who_has_an_authenticator_stays_signed_in(place: Place, owner: Person) -> None:
    person = await place.enrolled()
    by_device = place.browser()
    await place.pass_passcode(person, by_device)
    await place.sign_in(person, by_device)
    await place.step_up(owner)

    await require_now(owner, team_members=True)

    await alive(person.browser)
    await alive(by_device)


async def test_the_callers_own_session_stays_and_their_others_end(place: Place, owner: Person) -> None:
    elsewhere = place.browser()
    await place.sign_in(owner, elsewhere)

    await require_now(owner, team_members=True)

    await alive(owner.browser)
    await ended(elsewhere)


async def test_only_the_group_that_it_is_required_of_is_signed_out(place: Place, owner: Person) -> None:
    end_user, agent = await place.signed_in(Role.END_USER), await place.signed_in(Role.AGENT)

    await require_now(owner, team_members=True)

    await alive(end_user.browser)
    await ended(agent.browser)


async def test_end_users_are_signed_out_where_it_is_required_of_them(place: Place, owner: Person) -> None:
    end_user, agent = await place.signed_in(Role.END_USER), await place.signed_in(Role.AGENT)

    await require_now(owner, end_users=True)

    await ended(end_user.browser)
    await alive(agent.browser)


async def test_a_requirement_of_before_can_be_made_to_be_met_now(place: Place) -> None:
    owner, person = await place.enrolled(Role.OWNER), await place.signed_in()
    await place.require(owner, team_members=True)
    await alive(person.browser)

    ok(await owner.browser.patch(PATH, json={"end_sessions": True}))

    await ended(person.browser)


@pytest.mark.parametrize("body", [{"end_sessions": True}, {"end_sessions": True, "trusted_device_days": 1}])
async def test_where_nothing_is_required_nobody_is_signed_out(place: Place, owner: Person, body: Any) -> None:
    person = await place.signed_in()

    ok(await owner.browser.patch(PATH, json=body))

    await alive(person.browser)


async def test_a_refused_change_signs_nobody_out(place: Place, owner: Person) -> None:
    person = await place.signed_in()
    body = {
        "require_two_factor": {"team_members": True},
        "api_password_access": True,
        "end_sessions": True,
    }

    refused(await owner.browser.patch(PATH, json=body), 409, "two_factor_required")

    await alive(person.browser)


async def test_sessions_that_a_third_party_made_stay(place: Place, owner: Person) -> None:
    person = await place.signed_in()
    statement = "UPDATE sessions SET amr = ARRAY['sso'] WHERE account_id = :account AND user_id = :user"
    await run_sql(place, statement, user=person.user.id)

    await require_now(owner, team_members=True)

    await alive(person.browser)


async def test_another_account_is_not_touched(place: Place, owner: Person) -> None:
    statement = "SELECT count(*) FROM sessions WHERE account_id <> :account"
    before = await run_sql(place, statement)

    await require_now(owner, team_members=True, end_users=True)

    assert await run_sql(place, statement) == before


async def test_each_user_signed_out_is_recorded_once(place: Place, owner: Person) -> None:
    person = await place.signed_in()
    await place.sign_in(person, place.browser())
    trail = Trail(place)
    await trail.new()

    await require_now(owner, team_members=True)

    changed, ended_sessions = await trail.new()
    assert changed.type == "policy.changed"
    assert (ended_sessions.type, ended_sessions.details["sessions"]) == ("session.ended", 2)
    assert (ended_sessions.target_type, ended_sessions.target_id) == ("user", person.user.id)
    assert ended_sessions.actor_id == owner.user.id
