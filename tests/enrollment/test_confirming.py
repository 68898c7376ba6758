"""Confirming an enrollment: what follows a right passcode, and what a wrong one costs."""

import uuid
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import ENROLLMENTS, app_of, authenticator_ids, begin, confirm
from tests.support.account.times import on_the_wire
from tests.support.observe.sql import run_sql

TWO_FACTOR = "/users/me/two-factor"


async def test_the_first_confirmation_returns_the_authenticator_and_recovery_codes(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person, label="Tablet")

    confirmed = ok(await confirm(person, begun, app_of(tenant, begun).passcode()), 201)

    now = on_the_wire(tenant.clock.now())
    [mine] = await authenticator_ids(person)
    assert confirmed["authenticator"] == {
        "id": mine,
        "kind": "totp",
        "label": "Tablet",
        "created_at": now,
        "last_used_at": now,
    }
    assert len(confirmed["recovery_codes"]) == 10
    assert set(confirmed) == {"authenticator", "recovery_codes", "trusted_device", "not_trusted_because"}


async def test_a_further_authenticator_leaves_the_recovery_codes_unchanged(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    assert (await tenant.enroll(person))["recovery_codes"] is None

    await tenant.pass_passcode(person, passcode=person.recovery_codes[0])


async def test_the_confirming_passcode_cannot_be_used_again(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    passcode = app_of(tenant, begun).passcode()
    ok(await confirm(person, begun, passcode), 201)

    again = await person.browser.post("/session/step-up", json={"passcode": passcode})
    refused(again, 401, "passcode_already_used")
    body = {"sign_in_token": await tenant.asked(person), "passcode": passcode}
    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "passcode_already_used")


async def test_a_confirming_passcode_of_the_next_step_uses_up_the_earlier_ones(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    app = app_of(tenant, begun)
    ok(await confirm(person, begun, app.passcode(1)), 201)

    for steps_ahead in (0, 1):
        body = {"passcode": app.passcode(steps_ahead)}
        refused(await person.browser.post("/session/step-up", json=body), 401, "passcode_already_used")


@pytest.mark.parametrize("steps_ahead", [-2, 2])
async def test_the_passcode_two_steps_off_confirms_nothing(tenant: Tenant, steps_ahead: int) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)

    answer = await confirm(person, begun, app_of(tenant, begun).passcode(steps_ahead))

    refused(answer, 401, "passcode_incorrect")
    assert await authenticator_ids(person) == []


async def test_after_confirmation_the_session_is_aal2_and_fresh(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    clock.turn(minutes=9)
    begun = await begin(person)
    clock.turn(minutes=9)
    now = on_the_wire(clock.now())

    ok(await confirm(person, begun, app_of(tenant, begun).passcode()), 201)

    session = ok(await person.browser.get("/session"))["session"]
    assert (session["amr"], session["assurance"]) == (["pwd", "otp"], "aal2")
    assert session["second_factor_at"] == session["authenticated_at"] == now
    ok(await person.browser.post(f"{TWO_FACTOR}/recovery-codes"), 201)


async def test_the_first_authenticator_ends_the_users_other_sessions_and_nobody_elses(tenant: Tenant) -> None:
    person, other = await tenant.signed_in(), await tenant.signed_in()
    elsewhere = tenant.browser()
    await tenant.sign_in(person, elsewhere)

    await tenant.enroll(person)

    refused(await elsewhere.get("/session"), 401, "unauthenticated")
    ok(await person.browser.get("/session"))
    ok(await other.browser.get("/session"))


async def test_a_further_authenticator_ends_no_sessions(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    elsewhere = tenant.browser()
    await tenant.pass_passcode(person, elsewhere)

    await tenant.enroll(person)

    ok(await elsewhere.get("/session"))


async def test_a_further_authenticator_ends_trusted_devices_and_sign_ins_under_way(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    old, token = person.authenticator, await tenant.asked(person)

    await tenant.enroll(person)

    body = {"sign_in_token": token, "passcode": old.next_passcode()}
    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "sign_in_expired")
    assert (await tenant.sign_in(person))["status"] == "passcode_required"


async def test_the_old_and_the_new_authenticator_both_work(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    old = person.authenticator

    await tenant.enroll(person)

    await tenant.pass_passcode(person, passcode=old.next_passcode())
    await tenant.pass_passcode(person, tenant.browser())


async def test_five_wrong_passcodes_void_the_enrollment(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    app = app_of(tenant, begun)
    for _ in range(5):
        refused(await confirm(person, begun, app.wrong_passcode()), 401, "passcode_incorrect")

    refused(await confirm(person, begun, app.passcode()), 410, "enrollment_expired")

    assert await authenticator_ids(person) == []


async def test_after_four_wrong_passcodes_the_right_one_still_confirms(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    app = app_of(tenant, begun)
    for _ in range(4):
        refused(await confirm(person, begun, app.wrong_passcode()), 401, "passcode_incorrect")

    ok(await confirm(person, begun, app.passcode()), 201)


async def test_wrong_passcodes_of_an_enrollment_do_not_count_against_the_user(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    for _ in range(2):
        begun = await begin(person)
        for _ in range(5):
            answer = await confirm(person, begun, app_of(tenant, begun).wrong_passcode())
            refused(answer, 401, "passcode_incorrect")

    [state] = await run_sql(
        tenant,
        "SELECT failures, blocked_until FROM second_factor_state WHERE account_id = :account AND user_id = :user",
        user=person.user.id,
    )
    assert (state.failures, state.blocked_until) == (0, None)
    await tenant.step_up(person)


@pytest.mark.parametrize(
    "passcode",
    [
        "12345",
        "1234567",
        "12 345",
        "\u0661\u0662\u0663\u0664\u0665\u0666",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "123456\n",
        "",
        None,
        123456,
    ],
)
async def test_a_malformed_confirmation_passcode_costs_no_attempt(tenant: Tenant, passcode: Any) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    path = f"{ENROLLMENTS}/{begun['id']}/confirmation"

    for _ in range(6):
        problem = refused(await person.browser.post(path, json={"passcode": passcode}), 422, "invalid_request")
        assert [error["pointer"] for error in problem["errors"]] == ["/passcode"]

    ok(await confirm(person, begun, app_of(tenant, begun).passcode()), 201)


async def test_a_recovery_code_confirms_nothing(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    begun = await begin(person)

    refused(await confirm(person, begun, person.recovery_codes[0]), 422, "invalid_request")

    assert ok(await person.browser.get(TWO_FACTOR))["recovery_codes_left"] == 10


async def test_the_passcode_of_the_old_authenticator_does_not_confirm_the_new_one(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    begun = await begin(person)

    refused(await confirm(person, begun, person.authenticator.passcode()), 401, "passcode_incorrect")


async def test_a_newer_enrollment_voids_the_older(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    older = await begin(person)
    newer = await begin(person)

    refused(await confirm(person, older, app_of(tenant, older).passcode()), 410, "enrollment_expired")

    ok(await confirm(person, newer, app_of(tenant, newer).passcode()), 201)


async def test_a_confirmed_enrollment_cannot_be_confirmed_again(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    app = app_of(tenant, begun)
    ok(await confirm(person, begun, app.passcode()), 201)

    refused(await confirm(person, begun, app.next_passcode()), 410, "enrollment_expired")

    assert len(await authenticator_ids(person)) == 1


async def test_an_enrollment_can_be_confirmed_until_ten_minutes_have_passed(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    clock.turn(minutes=9, seconds=59)

    ok(await confirm(person, begun, app_of(tenant, begun).passcode()), 201)


async def test_an_enrollment_of_ten_minutes_ago_has_expired(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    clock.turn(minutes=10)

    refused(await confirm(person, begun, app_of(tenant, begun).passcode()), 410, "enrollment_expired")

    assert await authenticator_ids(person) == []


async def test_the_enrollment_of_another_user_is_not_found(tenant: Tenant) -> None:
    person, other = await tenant.signed_in(), await tenant.signed_in(Role.ADMIN)
    begun = await begin(person)
    passcode = app_of(tenant, begun).passcode()

    foreign = refused(await confirm(other, begun, passcode), 404, "not_found")

    assert foreign == refused(await confirm(other, {"id": uuid.uuid4()}, passcode), 404, "not_found")
    assert await authenticator_ids(other) == []
    ok(await confirm(person, begun, passcode), 201)


@pytest.mark.parametrize("malformed", ["1", "enrollment", "0" * 33, "%00"])
async def test_a_malformed_enrollment_id_is_not_found(tenant: Tenant, malformed: str) -> None:
    person = await tenant.signed_in()

    refused(await confirm(person, {"id": malformed}, "123456"), 404, "not_found")
