"""Completing a sign-in with a passcode of an authenticator app (docs/api.md section 4)."""

from datetime import timedelta
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import submit


async def test_a_right_passcode_completes_the_sign_in(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()
    tenant.clock.turn(minutes=5)

    response = await submit(browser, await tenant.asked(person, browser), person.authenticator.passcode())

    answer = ok(response, 201)
    trust = {"trusted_device", "not_trusted_because"}
    assert set(answer) == {"status", "session", "user", "recovery_codes_left"} | trust
    assert answer["status"] == "complete"
    assert answer["user"]["id"] == answer["session"]["user_id"] == person.id
    assert answer["session"]["amr"] == ["pwd", "otp"]
    assert answer["session"]["assurance"] == "aal2"
    now = tenant.clock.now().isoformat().replace("+00:00", "Z")
    assert answer["session"]["second_factor_at"] == answer["session"]["authenticated_at"] == now
    assert answer["recovery_codes_left"] == 10
    browser.token = answer["session"]["token"]
    shown = ok(await browser.get("/session"))
    assert shown["session"]["id"] == answer["session"]["id"]
    assert "token" not in shown["session"]


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_completes_with_a_passcode(tenant: Tenant, role: Role) -> None:
    person = await tenant.enrolled(role)

    answer = await tenant.pass_passcode(person)

    assert answer["user"]["role"] == role
    assert answer["session"]["assurance"] == "aal2"


@pytest.mark.parametrize("steps_ahead", [-1, 0, 1])
@pytest.mark.parametrize("seconds_into_the_step", [0, 29.999999])
async def test_the_current_step_and_one_either_side_are_right(
    tenant: Tenant, steps_ahead: int, seconds_into_the_step: float
) -> None:
    person = await tenant.enrolled()
    tenant.clock.turn(seconds=90 + seconds_into_the_step)
    browser = tenant.browser()

    passcode = person.authenticator.passcode(steps_ahead)

    ok(await submit(browser, await tenant.asked(person, browser), passcode), 201)


@pytest.mark.parametrize("steps_ahead", [-20, -3, -2, 2, 3, 20])
@pytest.mark.parametrize("seconds_into_the_step", [0, 29.999999])
async def test_a_passcode_two_steps_away_is_wrong(
    tenant: Tenant, steps_ahead: int, seconds_into_the_step: float
) -> None:
    person = await tenant.enrolled()
    tenant.clock.turn(minutes=20, seconds=seconds_into_the_step)
    browser = tenant.browser()

    passcode = person.authenticator.passcode(steps_ahead)

    refused(await submit(browser, await tenant.asked(person, browser), passcode), 401, "passcode_incorrect")


async def test_a_passcode_of_somebody_else_is_wrong(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    browser = tenant.browser()

    passcode = other.authenticator.next_passcode()

    refused(await submit(browser, await tenant.asked(person, browser), passcode), 401, "passcode_incorrect")
    assert (await tenant.pass_passcode(other))["user"]["id"] == other.id


async def test_a_wrong_passcode_leaves_the_sign_in_open(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()
    token = await tenant.asked(person, browser)

    refused(await submit(browser, token, person.authenticator.wrong_passcode()), 401, "passcode_incorrect")

    ok(await submit(browser, token, person.authenticator.next_passcode()), 201)


async def test_a_passcode_that_is_used_is_refused_in_the_next_sign_in(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    first = await tenant.asked(person)
    second = await tenant.asked(person)
    passcode = person.authenticator.passcode()
    ok(await submit(tenant.browser(), first, passcode), 201)

    tenant.clock.turn(seconds=12)

    problem = refused(await submit(tenant.browser(), second, passcode), 401, "passcode_already_used")
    assert problem["retry_after"] == 18


async def test_a_used_passcode_stays_used_for_as_long_as_its_step_is_accepted(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    passcode = person.authenticator.passcode(steps_ahead=1)
    ok(await submit(tenant.browser(), await tenant.asked(person), passcode), 201)
    token = await tenant.asked(person)

    for seconds, retry_after in ((0, 60), (59, 1), (1, 1), (29, 1)):
        tenant.clock.turn(seconds=seconds)
        problem = refused(await submit(tenant.browser(), token, passcode), 401, "passcode_already_used")
        assert problem["retry_after"] == retry_after
    tenant.clock.turn(seconds=1)

    refused(await submit(tenant.browser(), token, passcode), 401, "passcode_incorrect")


async def test_retry_after_is_when_the_next_passcode_begins(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    tenant.clock.turn(seconds=3.2)
    token = await tenant.asked(person)
    passcode = person.authenticator.passcode()
    ok(await submit(tenant.browser(), await tenant.asked(person), passcode), 201)
    problem = refused(await submit(tenant.browser(), token, passcode), 401, "passcode_already_used")
    assert problem["retry_after"] == 27

    tenant.clock.turn(seconds=problem["retry_after"])

    ok(await submit(tenant.browser(), token, person.authenticator.passcode()), 201)


async def test_an_earlier_step_than_the_last_accepted_one_counts_as_used(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    tenant.clock.turn(seconds=90)
    token = await tenant.asked(person)
    ok(await submit(tenant.browser(), await tenant.asked(person), person.authenticator.passcode(1)), 201)

    for steps_ahead in (1, 0, -1):
        passcode = person.authenticator.passcode(steps_ahead)
        refused(await submit(tenant.browser(), token, passcode), 401, "passcode_already_used")


def malformed(right: str) -> list[Any]:
    """Return malformed passcodes; a lenient parser would read some as the right one."""
    arabic = right.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    full_width = right.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    mathematical = right.translate({ord("0") + digit: 0x1D7CE + digit for digit in range(10)})
    spelled = [arabic, full_width, mathematical, arabic[0] + right[1:], right[:5] + full_width[5]]
    spaced = [f"{right}\n", f"\n{right}", f"{right}\t", f"{right}\r\n", f"\ufeff{right}", f"{right}\u200b"]
    spaced += [f"{right[:3]} {right[3:5]}", f"{right[:3]}\u3000{right[3:]}", " " * 60 + right]
    other_lengths = ["", right[:5], right + "0", "0" + right, right * 2, right * 11]
    numbers = [
        f"+{right}",
        f"-{right}",
        f"{right}.0",
        f"{right[:3]}-{right[3:]}",
        f"0x{right}",
        f"{right[:3]}_{right[3:]}",
    ]
    no_text = [int(right), float(right), None, True, [right], {"passcode": right}]
    codes = ["abcdefg-abcdef", "abcdefg-abcdefgh", "abcdef-gabcdefg", "abcdefg--abcdefg", "abcdefg_abcdefg"]
    codes += ["uuuuuuu-uuuuuuu", "abcdefg\u2010abcdefg", "\uff41bcdefg-abcdefg", "abcdefg-abcdefg\n", "a" * 5000]
    return [*spelled, *spaced, *other_lengths, *numbers, *no_text, *codes]


@pytest.mark.parametrize("spaces", [" ", "\u00a0", "\u202f"])
async def test_spaces_do_not_matter_and_make_no_used_passcode_new(tenant: Tenant, spaces: str) -> None:
    person = await tenant.enrolled()
    passcode = person.authenticator.next_passcode()
    first, second = await tenant.asked(person), await tenant.asked(person)

    ok(await submit(tenant.browser(), first, f"{passcode[:3]}{spaces}{passcode[3:]}"), 201)

    for spelled in (passcode, f" {passcode}", f"{passcode[:2]}{spaces}{passcode[2:]}"):
        refused(await submit(tenant.browser(), second, spelled), 401, "passcode_already_used")


async def test_malformed_passcodes_do_not_count_as_attempts(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()
    token = await tenant.asked(person, browser)
    for passcode in malformed(person.authenticator.passcode()):
        response = await submit(browser, token, passcode)

        problem = refused(response, 422, "invalid_request")
        assert [error["pointer"] for error in problem["errors"]] == ["/passcode"], passcode
        if passcode not in ("", None, True):
            assert str(passcode) not in response.text
    for _ in range(4):
        refused(await submit(browser, token, person.authenticator.wrong_passcode()), 401, "passcode_incorrect")

    ok(await submit(browser, token, person.authenticator.passcode()), 201)


async def second_authenticator(tenant: Tenant, person: SimulatedUser) -> tuple[AuthenticatorApp, AuthenticatorApp]:
    first = person.authenticator
    await tenant.enroll(person)
    return first, person.authenticator


async def test_any_of_several_authenticators_is_right(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    first, second = await second_authenticator(tenant, person)

    for app in (first, second):
        ok(await submit(tenant.browser(), await tenant.asked(person), app.next_passcode()), 201)


async def test_a_step_used_by_one_authenticator_is_not_used_by_another(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    first, second = await second_authenticator(tenant, person)
    tenant.clock.turn(seconds=60)

    for app in (first, second):
        ok(await submit(tenant.browser(), await tenant.asked(person), app.passcode()), 201)
    for app in (first, second):
        response = await submit(tenant.browser(), await tenant.asked(person), app.passcode())
        refused(response, 401, "passcode_already_used")


async def test_only_the_named_authenticator_is_tried(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    first, second = await second_authenticator(tenant, person)
    answer = await tenant.sign_in(person, tenant.browser())
    ids = [method["authenticator_id"] for method in answer["methods"]]
    token = answer["sign_in_token"]
    assert len(ids) == 2
    tenant.clock.turn(seconds=60)

    refused(
        await submit(tenant.browser(), token, second.passcode(), authenticator_id=ids[0]),
        401,
        "passcode_incorrect",
    )
    refused(
        await submit(tenant.browser(), token, first.passcode(), authenticator_id=ids[1]), 401, "passcode_incorrect"
    )

    ok(await submit(tenant.browser(), token, second.passcode(), authenticator_id=ids[1]), 201)


async def test_an_authenticator_of_another_user_is_refused(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    theirs = (await tenant.sign_in(other, tenant.browser()))["methods"][0]["authenticator_id"]
    token = await tenant.asked(person)
    tenant.clock.turn(seconds=60)

    for named in (theirs, "0192f0c0-0000-7000-8000-000000000000"):
        for app in (other.authenticator, person.authenticator):
            response = await submit(tenant.browser(), token, app.passcode(), authenticator_id=named)
            refused(response, 401, "passcode_incorrect")
    for named in ("", "1", 1, [theirs]):
        response = await submit(tenant.browser(), token, person.authenticator.passcode(), authenticator_id=named)
        assert refused(response, 422, "invalid_request")["errors"][0]["pointer"] == "/authenticator_id"


async def test_the_clock_of_the_database_decides_nothing(tenant: Tenant) -> None:
    tenant.clock.set(tenant.clock.now() + timedelta(days=4000))
    person = await tenant.enrolled()

    assert (await tenant.pass_passcode(person))["session"]["created_at"].startswith(str(tenant.clock.now().year))
