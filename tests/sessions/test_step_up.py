"""Step-up: proving the second factor again, or the password if there is no second factor."""

from typing import Any

import pytest

from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.freshness import let_through_by_device, step_up_required
from tests.support.account.times import on_the_wire

PATH = "/session/step-up"
CODES = "/users/me/two-factor/recovery-codes"


async def test_a_passcode_makes_the_session_fresh_and_aal2_under_the_same_token(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await let_through_by_device(tenant)
    before = ok(await person.browser.get("/session"))["session"]
    passcode = person.authenticator.next_passcode()

    session = ok(await person.browser.post(PATH, json={"passcode": passcode}))

    now = on_the_wire(clock.now())
    changed = {"amr": ["pwd", "otp"], "assurance": "aal2", "second_factor_at": now, "authenticated_at": now}
    assert session == before | changed
    assert session == ok(await person.browser.get("/session"))["session"]
    ok(await person.browser.post(CODES), 201)


async def test_a_passcode_in_another_session_does_not_make_this_one_fresh(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant)
    elsewhere = tenant.browser()
    await tenant.pass_passcode(person, elsewhere)

    step_up_required(await person.browser.post(CODES))


@pytest.mark.parametrize("at_sign_in", [True, False])
async def test_a_second_factor_is_fresh_for_exactly_ten_minutes(
    tenant: Tenant, clock: TurnableClock, *, at_sign_in: bool
) -> None:
    person = await tenant.enrolled()
    await (tenant.pass_passcode(person) if at_sign_in else tenant.step_up(person))
    clock.turn(minutes=10)
    ok(await person.browser.post(CODES), 201)

    clock.turn(milliseconds=1)

    step_up_required(await person.browser.post(CODES))
    await tenant.step_up(person)
    ok(await person.browser.post(CODES), 201)


async def test_a_password_is_fresh_for_exactly_ten_minutes(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    change = {"trusted_device_days": 7}
    clock.turn(minutes=10)
    ok(await owner.browser.patch("/security-policy", json=change))

    clock.turn(milliseconds=1)

    step_up_required(await owner.browser.patch("/security-policy", json=change))
    await tenant.step_up(owner)
    ok(await owner.browser.patch("/security-policy", json=change))


async def test_a_recovery_code_steps_up_once_and_revokes_trusted_devices(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant)
    code = person.recovery_codes[0]

    session = ok(await person.browser.post(PATH, json={"passcode": code}))

    assert (session["amr"], session["assurance"]) == (["pwd", "recovery_code"], "aal2")
    shown = ok(await person.browser.get("/users/me/two-factor"))
    assert (shown["trusted_devices"], shown["recovery_codes_left"]) == (0, 9)
    refused(await person.browser.post(PATH, json={"passcode": code}), 401, "passcode_already_used")
    assert (await tenant.sign_in(person))["status"] == "passcode_required"


async def test_each_method_is_listed_once_with_the_newest_last(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.step_up(person)
    ok(await person.browser.post(PATH, json={"passcode": person.recovery_codes[0]}))

    await tenant.step_up(person)

    assert ok(await person.browser.get("/session"))["session"]["amr"] == ["pwd", "recovery_code", "otp"]


async def test_a_wrong_passcode_makes_nothing_fresh(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant)
    body = {"passcode": person.authenticator.wrong_passcode()}

    refused(await person.browser.post(PATH, json=body), 401, "passcode_incorrect")

    step_up_required(await person.browser.post(CODES))
    assert ok(await person.browser.get("/session"))["session"]["assurance"] == "aal1"


async def test_a_passcode_used_at_sign_in_does_not_step_up(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)

    body = {"passcode": person.authenticator.passcode()}

    response = await person.browser.post(PATH, json=body)

    problem = refused(response, 401, "passcode_already_used")
    assert response.headers["retry-after"] == str(problem["retry_after"])


async def test_a_passcode_used_to_step_up_does_not_sign_in(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.step_up(person)

    body = {"sign_in_token": await tenant.asked(person), "passcode": person.authenticator.passcode()}

    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "passcode_already_used")


async def test_the_passcode_of_another_user_is_wrong(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()

    body = {"passcode": other.authenticator.next_passcode()}

    refused(await person.browser.post(PATH, json=body), 401, "passcode_incorrect")


async def test_a_user_without_an_authenticator_steps_up_by_password(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    clock.turn(minutes=11)

    session = ok(await person.browser.post(PATH, json={"password": PASSWORD}))

    assert (session["amr"], session["assurance"], session["second_factor_at"]) == (["pwd"], "aal1", None)
    assert session["authenticated_at"] == on_the_wire(clock.now())
    assert "token" not in session


async def test_a_wrong_password_makes_nothing_fresh(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    clock.turn(minutes=11)

    answer = await person.browser.post(PATH, json={"password": "not the password"})

    refused(answer, 401, "invalid_credentials")
    step_up_required(await person.browser.post("/users/me/two-factor/enrollments", json={"kind": "totp"}))


async def test_guessing_the_password_at_step_up_is_limited(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    for _ in range(10):
        answer = await person.browser.post(PATH, json={"password": "not the password"})
        refused(answer, 401, "invalid_credentials")

    answer = await person.browser.post(PATH, json={"password": PASSWORD})

    refused(answer, 429, "too_many_requests")
    clock.turn(seconds=int(answer.headers["retry-after"]))
    ok(await person.browser.post(PATH, json={"password": PASSWORD}))


async def test_a_user_with_an_authenticator_cannot_step_up_by_password(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant)

    problem = refused(await person.browser.post(PATH, json={"password": PASSWORD}), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == ["/password"]
    step_up_required(await person.browser.post(CODES))


async def test_a_user_without_an_authenticator_cannot_step_up_by_passcode(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    refused(await person.browser.post(PATH, json={"passcode": "123456"}), 409, "no_authenticator")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"passcode": "123456", "password": PASSWORD},
        {"passcode": None},
        {"passcode": "12345"},
        {"passcode": "1234567"},
        {"passcode": 123456},
        {"password": 7},
        {"password": "x" * 1025},
        {"passcode": "123456", "authenticator_id": "x"},
        [],
        "123456",
    ],
)
async def test_an_invalid_step_up_request_is_refused_and_costs_no_attempt(tenant: Tenant, body: Any) -> None:
    person = await tenant.enrolled()

    for _ in range(6):
        refused(await person.browser.post(PATH, json=body), 422, "invalid_request")

    await tenant.step_up(person)


async def test_a_step_up_needs_a_session(tenant: Tenant) -> None:
    refused(await tenant.browser().post(PATH, json={"password": PASSWORD}), 401, "unauthenticated")
