"""Keeping two-factor authentication on for oneself, and what is left when the account requires it no more."""

from app.core.callers import Role
from tests.support.arrange import Person, Place
from tests.support.client import ok, refused
from tests.support.clock import TurnableClock
from tests.support.enrolling import enrolled_because_required
from tests.support.freshness import step_up_required

TURNED_ON = "/users/me/two-factor/turned-on"


async def an_account_that_requires_it(place: Place) -> Person:
    owner = await place.enrolled(Role.OWNER)
    await place.require(owner, team_members=True, end_users=True)
    return owner


async def release(place: Place, owner: Person) -> None:
    await place.step_up(owner)
    await place.require(owner, team_members=False, end_users=False)


async def test_only_who_turned_it_on_is_still_asked_when_the_requirement_goes(place: Place) -> None:
    willing = await place.enrolled()
    owner = await an_account_that_requires_it(place)
    obliged = await enrolled_because_required(place)

    await release(place, owner)

    assert (await place.sign_in(willing, place.browser()))["status"] == "passcode_required"
    assert (await place.sign_in(obliged, place.browser()))["status"] == "complete"


async def test_who_is_no_longer_asked_is_asked_again_without_enrolling_anew_when_it_comes_back(
    place: Place,
) -> None:
    owner = await an_account_that_requires_it(place)
    obliged = await enrolled_because_required(place)
    await release(place, owner)

    await place.step_up(owner)
    await place.require(owner, team_members=True)

    await place.pass_passcode(obliged, place.browser())


async def test_who_keeps_it_on_is_still_asked_when_the_requirement_goes(place: Place) -> None:
    owner = await an_account_that_requires_it(place)
    obliged = await enrolled_because_required(place)

    kept = ok(await obliged.browser.put(TURNED_ON))
    await release(place, owner)

    assert (kept["status"], kept["turned_on_by_user"], kept["required_by_account"]) == ("on", True, True)
    assert (await place.sign_in(obliged, place.browser()))["status"] == "passcode_required"


async def test_who_is_no_longer_required_can_turn_it_on_with_the_authenticator_that_they_have(
    place: Place,
) -> None:
    owner = await an_account_that_requires_it(place)
    obliged = await enrolled_because_required(place)
    await release(place, owner)
    await place.step_up(obliged)

    kept = ok(await obliged.browser.put(TURNED_ON))

    assert (kept["status"], kept["turned_on_by_user"], kept["required_by_account"]) == ("on", True, False)
    assert kept["recovery_codes_left"] == 10


async def test_keeping_on_what_is_on_changes_nothing(place: Place) -> None:
    person = await place.enrolled()
    before = ok(await person.browser.get("/users/me/two-factor"))

    assert ok(await person.browser.put(TURNED_ON)) == before


async def test_it_cannot_be_kept_on_without_an_authenticator(place: Place) -> None:
    person = await place.signed_in()

    refused(await person.browser.put(TURNED_ON), 409, "no_authenticator")

    assert ok(await person.browser.get("/users/me/two-factor"))["turned_on_by_user"] is False


async def test_a_session_that_is_not_fresh_does_not_keep_it_on(place: Place, clock: TurnableClock) -> None:
    await an_account_that_requires_it(place)
    obliged = await enrolled_because_required(place)
    clock.turn(minutes=10)

    step_up_required(await obliged.browser.put(TURNED_ON))

    assert ok(await obliged.browser.get("/users/me/two-factor"))["turned_on_by_user"] is False


async def test_one_person_keeps_it_on_for_themself_alone(place: Place) -> None:
    owner = await an_account_that_requires_it(place)
    keeping, other = await enrolled_because_required(place), await enrolled_because_required(place)

    ok(await keeping.browser.put(TURNED_ON))
    await release(place, owner)

    assert (await place.sign_in(other, place.browser()))["status"] == "complete"
