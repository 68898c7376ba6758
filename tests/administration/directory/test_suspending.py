"""Suspending a user: whatever gave them access is dead on the very next request, and stays dead."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.arrange import PASSWORD, Person, Place
from tests.support.audit import Trail
from tests.support.client import ok, refused
from tests.support.credentials import by_password, by_token
from tests.support.devices import is_asked, trusted_person
from tests.support.sign_ins import begin_demanded_enrollment, confirm, credentials, submit


async def change_status(admin: Person, person: Person, status: str) -> dict[str, Any]:
    changed: dict[str, Any] = ok(await admin.browser.patch(f"/users/{person.id}", json={"status": status}))
    assert changed["status"] == status
    return changed


async def suspend(admin: Person, person: Person) -> None:
    await change_status(admin, person, "suspended")


async def reactivate(admin: Person, person: Person) -> None:
    await change_status(admin, person, "active")


async def test_every_session_is_dead_and_stays_dead(place: Place, owner: Person) -> None:
    person = await place.signed_in()
    elsewhere = place.browser()
    await place.sign_in(person, elsewhere)

    await suspend(owner, person)
    for browser in (person.browser, elsewhere):
        refused(await browser.get("/session"), 401, "unauthenticated")

    await reactivate(owner, person)
    for browser in (person.browser, elsewhere):
        refused(await browser.get("/session"), 401, "unauthenticated")


async def test_the_password_gets_the_answer_of_a_wrong_one(place: Place, owner: Person) -> None:
    person = await place.person()

    await suspend(owner, person)
    answer = await place.browser().post("/sign-ins", json=credentials(person))
    wrong = await place.browser().post("/sign-ins", json=credentials(person, password="not the one"))

    assert refused(answer, 401, "invalid_credentials") == refused(wrong, 401, "invalid_credentials")
    await reactivate(owner, person)
    assert (await place.sign_in(person))["status"] == "complete"


async def test_a_sign_in_under_way_is_dead_and_stays_dead(place: Place, owner: Person) -> None:
    person = await place.enrolled()
    token = await place.asked(person)

    await suspend(owner, person)
    answer = await submit(place.browser(), token, person.authenticator.next_passcode())
    refused(answer, 401, "sign_in_expired")

    await reactivate(owner, person)
    answer = await submit(place.browser(), token, person.authenticator.next_passcode())
    refused(answer, 401, "sign_in_expired")


async def test_an_enrollment_under_way_is_dead_and_stays_dead(place: Place) -> None:
    owner, person = await place.enrolled(Role.OWNER), await place.person()
    await place.require(owner, team_members=True)
    begun = await begin_demanded_enrollment(place, person)

    await suspend(owner, person)
    await reactivate(owner, person)

    refused(await confirm(person.browser, begun, "123456"), 401, "sign_in_expired")


async def test_trusted_devices_are_trusted_no_more(place: Place, owner: Person) -> None:
    person = await trusted_person(place)
    assert not await is_asked(place, person)
    await place.step_up(owner)

    await suspend(owner, person)
    await reactivate(owner, person)

    assert await is_asked(place, person)
    assert ok(await owner.browser.get(f"/users/{person.id}/trusted-devices"))["items"] == []


async def test_api_tokens_work_only_while_their_user_is_active(place: Place, owner: Person) -> None:
    admin = await place.signed_in(Role.ADMIN)
    script = await by_token(place, admin, "users:read")

    await suspend(owner, admin)
    refused(await script.get("/users"), 401, "unauthenticated")


async def test_the_password_at_the_api_is_refused(place: Place, owner: Person) -> None:
    agent = await place.person()
    client = await by_password(place, agent, owner)
    ok(await client.get("/users"))

    await suspend(owner, agent)

    refused(await client.get("/users"), 401, "invalid_credentials")


async def test_the_authenticator_and_the_recovery_codes_stay(place: Place, owner: Person) -> None:
    person = await place.enrolled()
    await place.step_up(owner)

    await suspend(owner, person)
    await reactivate(owner, person)

    await place.pass_passcode(person)
    assert ok(await person.browser.get("/users/me/two-factor"))["recovery_codes_left"] == 10


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_an_admin_can_be_suspended_by_the_owner_and_by_another_admin(place: Place, role: Role) -> None:
    caller, admin = await place.signed_in(role), await place.signed_in(Role.ADMIN)

    await suspend(caller, admin)

    refused(await admin.browser.get("/session"), 401, "unauthenticated")


async def test_nobody_elses_access_ends(place: Place, owner: Person) -> None:
    person, other = await place.signed_in(), await trusted_person(place)
    await place.step_up(owner)

    await suspend(owner, person)

    ok(await other.browser.get("/session"))
    assert not await is_asked(place, other)


async def test_suspending_again_changes_nothing(place: Place, owner: Person) -> None:
    person = await place.person()
    await suspend(owner, person)
    trail = Trail(place)
    await trail.new()

    await suspend(owner, person)

    assert await trail.new() == []


async def test_it_is_recorded_with_what_ended(place: Place, owner: Person) -> None:
    person = await trusted_person(place)
    await place.step_up(owner)
    trail = Trail(place)
    await trail.new()

    await suspend(owner, person)

    ended, revoked, changed = await trail.new()
    assert (ended.type, ended.details["sessions"]) == ("session.ended", 2)
    assert (revoked.type, revoked.details["devices"]) == ("trusted_device.revoked", 1)
    assert changed.type == "user.changed"
    assert changed.details == {"fields": ["status"], "old": {"status": "active"}, "new": {"status": "suspended"}}
    for event in (ended, revoked, changed):
        assert (event.actor_id, event.target_id) == (owner.user.id, person.user.id)


async def test_a_suspended_user_still_is_in_the_directory(place: Place, owner: Person) -> None:
    person = await place.person()

    await suspend(owner, person)

    assert ok(await owner.browser.get(f"/users/{person.id}"))["status"] == "suspended"
    body = {"email": person.user.email, "name": "Another", "role": "agent"}
    refused(await owner.browser.post("/users", json=body), 409, "conflict")
    assert PASSWORD not in str(ok(await owner.browser.get("/users")))
