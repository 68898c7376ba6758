"""How long a sign-in lives, and what it is good for: ten minutes, one account, one use (contract section 4)."""

from collections.abc import Awaitable, Callable

import pytest

from app.core.callers import Role
from tests.support.arrange import PASSWORD, Person, Place
from tests.support.client import ok, refused
from tests.support.sign_ins import begin_demanded_enrollment, enroll_on_demand, set_status, submit
from tests.support.variants import another_account


async def test_a_sign_in_is_over_after_ten_minutes(place: Place) -> None:
    person = await place.enrolled()
    in_time, late = await place.asked(person), await place.asked(person)
    place.clock.turn(minutes=9, seconds=59.9)
    ok(await submit(place.browser(), in_time, person.authenticator.passcode()), 201)

    place.clock.turn(seconds=0.1)

    refused(await submit(place.browser(), late, person.authenticator.passcode(1)), 401, "sign_in_expired")


async def test_the_answer_says_when_the_sign_in_is_over(place: Place) -> None:
    person = await place.enrolled()
    begun_at = place.clock.now()

    answer = await place.sign_in(person, place.browser())

    place.clock.turn(minutes=10)
    assert answer["expires_at"] == place.clock.now().isoformat().replace("+00:00", "Z")
    assert place.clock.now() > begun_at


async def test_a_wrong_passcode_does_not_prolong_the_sign_in(place: Place) -> None:
    person = await place.enrolled()
    token = await place.asked(person)
    place.clock.turn(minutes=9)
    refused(await submit(place.browser(), token, person.authenticator.wrong_passcode()), 401, "passcode_incorrect")

    place.clock.turn(minutes=1)

    refused(await submit(place.browser(), token, person.authenticator.passcode()), 401, "sign_in_expired")


async def test_a_sign_in_is_used_once(place: Place) -> None:
    person = await place.enrolled()
    token = await place.asked(person)
    ok(await submit(place.browser(), token, person.authenticator.next_passcode()), 201)

    for passcode in (person.authenticator.next_passcode(), person.recovery_codes[0]):
        refused(await submit(place.browser(), token, passcode), 401, "sign_in_expired")

    answer = await place.pass_passcode(person, place.browser())  # and nothing was used up in vain
    assert answer["recovery_codes_left"] == 10


async def test_the_same_answer_sent_twice_is_a_sign_in_that_has_ended(place: Place) -> None:
    person = await place.enrolled()
    token, passcode = await place.asked(person), person.authenticator.next_passcode()
    ok(await submit(place.browser(), token, passcode), 201)

    refused(await submit(place.browser(), token, passcode), 401, "sign_in_expired")


async def test_completing_one_sign_in_leaves_another_one_open(place: Place) -> None:
    person = await place.enrolled()
    here, there = await place.asked(person), await place.asked(person)
    ok(await submit(place.browser(), here, person.authenticator.next_passcode()), 201)

    ok(await submit(place.browser(), there, person.authenticator.next_passcode()), 201)


async def test_an_unknown_sign_in_has_ended(place: Place) -> None:
    person = await place.enrolled()
    token = await place.asked(person)
    session_token = person.browser.token or ""
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    lengthened, cut, cased = token + "A", token[:-1], token.swapcase()
    swapped = session_token.replace("pgs_", "pgi_"), token.replace("pgi_", "pgs_")

    for unknown in (
        flipped,
        lengthened,
        cut,
        cased,
        *swapped,
        session_token,
        "",
        "pgi_",
        f" {token}",
        f"{token}\n",
    ):
        response = await submit(place.browser(), unknown, person.authenticator.passcode())
        refused(response, 401, "sign_in_expired")

    for no_text in (None, 1, [token], "x" * 129):
        response = await submit(place.browser(), no_text, person.authenticator.passcode())  # type: ignore[arg-type]  # no text
        assert refused(response, 422, "invalid_request")["errors"][0]["pointer"] == "/sign_in_token"
    ok(await submit(place.browser(), token, person.authenticator.passcode()), 201)


async def test_a_sign_in_of_another_account_is_unknown_here(place: Place) -> None:
    elsewhere = await another_account(place)
    person, other = await place.enrolled(), await elsewhere.enrolled()
    token = await place.asked(person)
    place.clock.turn(seconds=60)

    for app in (person.authenticator, other.authenticator):
        refused(await submit(elsewhere.browser(), token, app.passcode()), 401, "sign_in_expired")
    refused(await submit(elsewhere.browser(), token, person.recovery_codes[0]), 401, "sign_in_expired")

    ok(await submit(place.browser(), token, person.authenticator.passcode()), 201)


async def change_password(_: Place, person: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": "quite another password"}
    ok(await person.browser.put("/users/me/password", json=body), 204)


async def add_an_authenticator(place: Place, person: Person) -> None:
    first = person.authenticator
    await place.enroll(person)
    person.app = first


async def remove_an_authenticator(_: Place, person: Person) -> None:
    shown = ok(await person.browser.get("/users/me/two-factor"))["authenticators"]
    ok(await person.browser.delete(f"/users/me/two-factor/authenticators/{shown[1]['id']}"), 204)


async def turn_it_off(_: Place, person: Person) -> None:
    ok(await person.browser.delete("/users/me/two-factor"), 204)


async def suspend(place: Place, person: Person) -> None:
    await set_status(place, person, "suspended")


Change = Callable[[Place, Person], Awaitable[None]]


@pytest.mark.parametrize(
    "change", [change_password, add_an_authenticator, remove_an_authenticator, turn_it_off, suspend]
)
async def test_a_sign_in_dies_with_what_it_was_begun_under(place: Place, change: Change) -> None:
    person = await place.enrolled()
    await add_an_authenticator(place, person)
    token = await place.asked(person)

    await change(place, person)

    place.clock.turn(seconds=60)
    refused(await submit(place.browser(), token, person.authenticator.passcode()), 401, "sign_in_expired")
    refused(await submit(place.browser(), token, person.recovery_codes[0]), 401, "sign_in_expired")


@pytest.mark.parametrize("change", [change_password, suspend])
async def test_a_sign_in_that_must_enroll_dies_as_well(place: Place, owner: Person, change: Change) -> None:
    person = await place.signed_in(Role.END_USER)
    await place.require(owner, end_users=True)
    waiting = await place.sign_in(person, place.browser())
    begun = await begin_demanded_enrollment(place, person, place.browser())
    await place.require(owner, end_users=False)  # else the password alone is not fresh enough to change it

    await change(place, person)

    await place.require(owner, end_users=True)
    body = {"sign_in_token": waiting["sign_in_token"], "kind": "totp"}
    refused(await place.browser().post("/sign-ins/enrollments", json=body), 401, "sign_in_expired")
    confirmation = {"sign_in_token": begun["sign_in_token"], "passcode": "123456"}
    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    refused(await place.browser().post(path, json=confirmation), 401, "sign_in_expired")


async def test_a_dead_sign_in_costs_nobody_an_attempt(place: Place) -> None:
    person = await place.enrolled()
    used, late = await place.asked(person), await place.asked(person)
    ok(await submit(place.browser(), used, person.authenticator.next_passcode()), 201)
    place.clock.turn(minutes=10)

    for _ in range(6):
        for dead in (used, late, "pgi_" + "A" * 43):
            response = await submit(place.browser(), dead, person.authenticator.wrong_passcode())
            refused(response, 401, "sign_in_expired")

    await place.pass_passcode(person, place.browser())


async def test_a_sign_in_that_must_enroll_takes_no_passcode(place: Place, owner: Person) -> None:
    other = await place.enrolled()
    await place.require(owner, end_users=True)
    person = await place.person(Role.END_USER)
    token = (await place.sign_in(person))["sign_in_token"]

    for passcode in (other.authenticator.next_passcode(), other.recovery_codes[0], "000000"):
        refused(await submit(place.browser(), token, passcode), 409, "no_authenticator")

    assert (await enroll_on_demand(place, person))["status"] == "complete"


async def test_each_sign_in_has_a_token_of_its_own(place: Place) -> None:
    person = await place.enrolled()
    first, second = await place.asked(person), await place.asked(person)

    assert first != second
    assert first.startswith("pgi_")
    assert len(first) == len("pgi_") + 43
