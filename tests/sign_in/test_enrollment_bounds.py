"""What an enrollment at sign-in is not good for, and what becomes of it when the requirement goes and comes."""

import pytest

from app.core.callers import Role
from tests.support.arrange import Person, Place
from tests.support.authenticator_app import AuthenticatorApp
from tests.support.client import ok, refused
from tests.support.sign_ins import begin_again, begin_demanded_enrollment, confirm, enroll_on_demand, submit
from tests.support.variants import another_account


async def test_an_enrollment_of_another_user_does_not_exist(place: Place, newcomer: Person) -> None:
    other = await place.person(Role.END_USER)
    mine = await begin_demanded_enrollment(place, newcomer)
    theirs = await begin_demanded_enrollment(place, other)
    app = AuthenticatorApp(theirs["secret"], place.clock)

    crossed = {"id": theirs["id"], "sign_in_token": mine["sign_in_token"]}

    refused(await confirm(newcomer.browser, crossed, app.passcode()), 404, "not_found")
    ok(await confirm(other.browser, theirs, app.passcode()), 201)


async def test_an_enrollment_of_another_sign_in_of_the_same_user_does_not_exist(
    place: Place, newcomer: Person
) -> None:
    first = await begin_demanded_enrollment(place, newcomer)
    second = await begin_demanded_enrollment(place, newcomer, place.browser())
    app = AuthenticatorApp(second["secret"], place.clock)

    crossed = {"id": second["id"], "sign_in_token": first["sign_in_token"]}

    refused(await confirm(newcomer.browser, crossed, app.passcode()), 404, "not_found")
    ok(await confirm(newcomer.browser, second, app.passcode()), 201)


async def test_an_enrollment_of_a_session_does_not_exist_for_a_sign_in(
    place: Place, admin: Person, newcomer: Person
) -> None:
    await place.require(admin, end_users=False)
    await place.sign_in(newcomer)
    await place.require(admin, end_users=True)
    token = (await place.sign_in(newcomer, place.browser()))["sign_in_token"]
    path = "/users/me/two-factor/enrollments"
    begun = ok(await newcomer.browser.post(path, json={"kind": "totp"}), 201)
    app = AuthenticatorApp(begun["secret"], place.clock)

    refused(await confirm(place.browser(), begun | {"sign_in_token": token}, app.passcode()), 404, "not_found")

    ok(await newcomer.browser.post(f"{path}/{begun['id']}/confirmation", json={"passcode": app.passcode()}), 201)


async def test_an_enrollment_of_a_sign_in_does_not_exist_for_a_session(
    place: Place, admin: Person, newcomer: Person
) -> None:
    await place.require(admin, end_users=False)
    await place.sign_in(newcomer)
    await place.require(admin, end_users=True)
    begun = await begin_demanded_enrollment(place, newcomer, place.browser())
    app = AuthenticatorApp(begun["secret"], place.clock)

    path = f"/users/me/two-factor/enrollments/{begun['id']}/confirmation"

    refused(await newcomer.browser.post(path, json={"passcode": app.passcode()}), 404, "not_found")


@pytest.mark.parametrize("id_", ["0192f0c0-0000-7000-8000-000000000000", "1", "no-id", "..%2f.."])
async def test_an_enrollment_that_nobody_began_does_not_exist(place: Place, newcomer: Person, id_: str) -> None:
    begun = await begin_demanded_enrollment(place, newcomer)

    refused(await confirm(newcomer.browser, begun | {"id": id_}, "123456"), 404, "not_found")


async def test_a_sign_in_of_another_account_enrolls_nobody_here(place: Place, newcomer: Person) -> None:
    elsewhere = await another_account(place)
    begun = await begin_demanded_enrollment(place, newcomer)
    app = AuthenticatorApp(begun["secret"], place.clock)

    body = {"sign_in_token": begun["sign_in_token"], "kind": "totp"}
    refused(await elsewhere.browser().post("/sign-ins/enrollments", json=body), 401, "sign_in_expired")
    refused(await confirm(elsewhere.browser(), begun, app.passcode()), 401, "sign_in_expired")

    ok(await confirm(newcomer.browser, begun, app.passcode()), 201)


async def test_a_confirmed_enrollment_uses_the_sign_in_up(place: Place, newcomer: Person) -> None:
    begun = await begin_demanded_enrollment(place, newcomer)
    app = AuthenticatorApp(begun["secret"], place.clock)
    ok(await confirm(newcomer.browser, begun, app.passcode()), 201)

    refused(await confirm(newcomer.browser, begun, app.next_passcode()), 401, "sign_in_expired")
    body = {"sign_in_token": begun["sign_in_token"], "kind": "totp"}
    refused(await newcomer.browser.post("/sign-ins/enrollments", json=body), 401, "sign_in_expired")
    refused(await submit(newcomer.browser, begun["sign_in_token"], app.passcode()), 401, "sign_in_expired")


async def test_a_user_who_has_an_authenticator_enrolls_none_at_sign_in(place: Place, newcomer: Person) -> None:
    stale = await begin_demanded_enrollment(place, newcomer)
    stale_app = AuthenticatorApp(stale["secret"], place.clock)
    unused = await place.sign_in(newcomer, place.browser())
    await enroll_on_demand(place, newcomer)
    asked = await place.asked(newcomer)

    for token in (unused["sign_in_token"], stale["sign_in_token"], asked):
        body = {"sign_in_token": token, "kind": "totp"}
        refused(await place.browser().post("/sign-ins/enrollments", json=body), 409, "already_enrolled")
        refused(
            await confirm(place.browser(), stale | {"sign_in_token": token}, stale_app.passcode()),
            409,
            "already_enrolled",
        )

    shown = ok(await newcomer.browser.get("/users/me/two-factor"))
    assert len(shown["authenticators"]) == 1


async def test_a_password_alone_adds_no_authenticator_to_one_who_has_one(place: Place) -> None:
    person = await place.enrolled()
    token = await place.asked(person)

    body = {"sign_in_token": token, "kind": "totp"}

    refused(await place.browser().post("/sign-ins/enrollments", json=body), 409, "already_enrolled")


async def test_who_enrolled_on_demand_is_asked_only_while_it_is_required(
    place: Place, admin: Person, newcomer: Person
) -> None:
    await enroll_on_demand(place, newcomer)
    assert (await place.sign_in(newcomer, place.browser()))["status"] == "passcode_required"

    await place.require(admin, end_users=False)
    assert (await place.sign_in(newcomer, place.browser()))["status"] == "complete"
    assert (await place.sign_in(newcomer))["session"]["assurance"] == "aal1"
    shown = ok(await newcomer.browser.get("/users/me/two-factor"))
    assert (shown["status"], len(shown["authenticators"]), shown["recovery_codes_left"]) == ("off", 1, 10)

    await place.require(admin, end_users=True)
    answer = await place.pass_passcode(newcomer, place.browser())  # the authenticator of then
    assert answer["recovery_codes_left"] == 10


async def test_who_enrolled_on_demand_and_keeps_it_is_asked_without_a_requirement(
    place: Place, admin: Person, newcomer: Person
) -> None:
    await enroll_on_demand(place, newcomer)
    ok(await newcomer.browser.put("/users/me/two-factor/turned-on"))

    await place.require(admin, end_users=False)

    assert (await place.sign_in(newcomer, place.browser()))["status"] == "passcode_required"


async def test_who_turned_it_on_personally_is_asked_when_the_requirement_goes(place: Place, admin: Person) -> None:
    person = await place.enrolled()
    await place.require(admin, team_members=True)
    await place.require(admin, team_members=False)

    assert (await place.sign_in(person, place.browser()))["status"] == "passcode_required"


async def test_sessions_from_before_end_when_the_first_authenticator_is_enrolled(
    place: Place, admin: Person, newcomer: Person
) -> None:
    await place.require(admin, end_users=False)
    await place.sign_in(newcomer)
    await place.require(admin, end_users=True)

    await enroll_on_demand(place, newcomer, place.browser())

    refused(await newcomer.browser.get("/session"), 401, "unauthenticated")


async def test_a_requirement_that_goes_in_the_middle_leaves_the_sign_in_to_be_finished(
    place: Place, admin: Person, newcomer: Person
) -> None:
    begun = await begin_demanded_enrollment(place, newcomer)
    await place.require(admin, end_users=False)

    again = await begin_again(newcomer.browser, begun)
    app = AuthenticatorApp(again["secret"], place.clock)
    answer = ok(await confirm(newcomer.browser, again, app.passcode()), 201)

    newcomer.browser.token = answer["session"]["token"]
    assert ok(await newcomer.browser.get("/users/me/two-factor"))["turned_on_by_user"] is False
