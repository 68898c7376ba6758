"""Guessing at step-up has its own limit, which never blocks a sign-in with the password."""

import pytest

from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.sign_ins import submit
from tests.support.account.step_ups import (
    STEP_UP,
    blocked,
    by_provider,
    fail_step_up,
    known_to_a_provider,
    step_up,
)
from tests.support.observe.jobs import letters
from tests.support.observe.sql import run_sql

DAY = 86_400


@pytest.fixture
async def person(tenant: Tenant) -> SimulatedUser:
    return await known_to_a_provider(tenant)


async def after_step_ups(tenant: Tenant, person: SimulatedUser, count: int) -> None:
    """Set the count of a user's failed step-ups directly, because the blocks would take weeks."""
    statement = (
        "UPDATE second_factor_state SET step_up_failures = :count WHERE account_id = :account AND user_id = :id"
    )
    await run_sql(tenant, statement, count=count, id=person.user.id)


async def fail_in_new_sessions(tenant: Tenant, person: SimulatedUser, *, times: int) -> list[Client]:
    """Fail once in each of several sessions that a provider opened, and return their browsers."""
    browsers = [await by_provider(tenant, person, ip=f"192.0.2.{number}") for number in range(times)]
    for browser in browsers:
        await fail_step_up(browser, person)
    return browsers


async def test_failures_in_a_session_without_the_password_block_no_sign_in(
    tenant: Tenant, person: SimulatedUser
) -> None:
    for _ in range(3):
        browser = await by_provider(tenant, person)
        for _ in range(5):
            await step_up(browser, person.authenticator.wrong_passcode())

    answer = await tenant.pass_passcode(person, tenant.browser())

    assert answer["session"]["amr"] == ["pwd", "otp"]


async def test_failures_at_step_up_never_disable_the_authenticators(tenant: Tenant, person: SimulatedUser) -> None:
    await after_step_ups(tenant, person, 10_000)

    await fail_step_up(await by_provider(tenant, person), person)

    blocked(await step_up(person.browser, person.authenticator.passcode()), DAY)
    assert len((await tenant.sign_in(person, tenant.browser()))["methods"]) == 1
    await tenant.pass_passcode(person, tenant.browser())


async def test_more_sessions_allow_no_more_guesses(tenant: Tenant, person: SimulatedUser) -> None:
    browsers = await fail_in_new_sessions(tenant, person, times=5)

    for browser in (*browsers, person.browser, await by_provider(tenant, person)):
        blocked(await step_up(browser, person.authenticator.passcode()), 30)
        blocked(await step_up(browser, person.recovery_codes[0]), 30)


async def test_each_further_failure_doubles_the_block_up_to_a_day(tenant: Tenant, person: SimulatedUser) -> None:
    await fail_in_new_sessions(tenant, person, times=4)
    for number in range(16):
        browser = await by_provider(tenant, person)
        await fail_step_up(browser, person)
        seconds = min(30 * 2**number, DAY)
        blocked(await step_up(browser, person.authenticator.passcode()), seconds)
        tenant.clock.turn(seconds=seconds)

    ok(await step_up(await by_provider(tenant, person), person.authenticator.passcode()))


async def test_with_five_authenticators_the_longest_block_is_five_days(
    tenant: Tenant, person: SimulatedUser
) -> None:
    for _ in range(4):
        await tenant.enroll(person)
    await after_step_ups(tenant, person, 100)

    await fail_step_up(person.browser, person)

    blocked(await step_up(person.browser, person.authenticator.passcode()), 5 * DAY)


async def test_five_failures_end_the_session_and_no_other(tenant: Tenant, person: SimulatedUser) -> None:
    thief = await by_provider(tenant, person)
    await letters(tenant)
    await fail_step_up(thief, person, times=4)
    ok(await thief.get("/session"))

    await fail_step_up(thief, person)

    refused(await thief.get("/session"), 401, "unauthenticated")
    refused(await step_up(thief, person.authenticator.passcode()), 401, "unauthenticated")
    ok(await person.browser.get("/session"))
    [letter] = await letters(tenant)
    assert (letter["kind"], letter["to"]) == ("passcodes_failed", person.user.email)
    assert letter["details"] == {"at": "step_up", "ended": True}


async def test_a_success_in_another_session_does_not_reset_a_sessions_failures(
    tenant: Tenant, person: SimulatedUser
) -> None:
    thief = await by_provider(tenant, person)
    await fail_step_up(thief, person, times=3)
    await tenant.step_up(person)
    await fail_step_up(thief, person)
    await tenant.step_up(person)
    await letters(tenant)

    await fail_step_up(thief, person)

    refused(await thief.get("/session"), 401, "unauthenticated")
    assert [letter["kind"] for letter in await letters(tenant)] == ["passcodes_failed"]


async def test_a_success_in_a_session_resets_both_counts(tenant: Tenant, person: SimulatedUser) -> None:
    for _ in range(3):
        await fail_step_up(person.browser, person, times=4)
        await tenant.step_up(person)

    await fail_step_up(person.browser, person, times=4)
    ok(await person.browser.get("/session"))


async def test_five_failures_across_sessions_send_one_letter(tenant: Tenant, person: SimulatedUser) -> None:
    await letters(tenant)
    await fail_in_new_sessions(tenant, person, times=5)
    tenant.clock.turn(seconds=30)
    await fail_step_up(person.browser, person)

    [letter] = [sent for sent in await letters(tenant) if sent["kind"] == "passcodes_failed"]
    assert letter["details"] == {"at": "step_up", "ended": False}


async def test_used_passcodes_and_recovery_codes_count_like_wrong_ones(
    tenant: Tenant, person: SimulatedUser
) -> None:
    used = person.authenticator.passcode(-1)
    for passcode in (used, used):
        refused(await step_up(person.browser, passcode), 401, "passcode_already_used")
    for _ in range(2):
        refused(await step_up(person.browser, "0000000-0000000"), 401, "passcode_incorrect")
    await fail_step_up(person.browser, person)

    refused(await person.browser.get("/session"), 401, "unauthenticated")
    blocked(await step_up(await by_provider(tenant, person), person.recovery_codes[0]), 30)


async def test_failures_at_sign_in_block_no_step_up(tenant: Tenant, person: SimulatedUser) -> None:
    token = await tenant.asked(person)
    for _ in range(5):
        refused(
            await submit(tenant.browser(), token, person.authenticator.wrong_passcode()), 401, "passcode_incorrect"
        )

    ok(await step_up(await by_provider(tenant, person), person.authenticator.passcode()))

    response = await submit(tenant.browser(), token, person.authenticator.passcode(1))
    blocked(response, 30)  # a success at step-up does not lift this block


async def test_a_recovery_code_at_step_up_leaves_the_block_at_sign_in(
    tenant: Tenant, person: SimulatedUser
) -> None:
    token = await tenant.asked(person)
    for _ in range(5):
        await submit(tenant.browser(), token, person.authenticator.wrong_passcode())

    ok(await step_up(await by_provider(tenant, person), person.recovery_codes[0]))

    blocked(await submit(tenant.browser(), token, person.recovery_codes[1]), 30)


async def test_a_sign_in_with_a_passcode_allows_one_step_up_despite_the_block(
    tenant: Tenant, person: SimulatedUser
) -> None:
    await after_step_ups(tenant, person, 50)
    await fail_step_up(await by_provider(tenant, person), person)
    blocked(await step_up(person.browser, person.authenticator.passcode()), DAY)

    await tenant.pass_passcode(person, remember_device=False)
    await tenant.step_up(person)

    await after_step_ups(tenant, person, 50)
    await fail_step_up(await by_provider(tenant, person), person)
    await tenant.pass_passcode(person)
    thief = await by_provider(tenant, person)
    await fail_step_up(thief, person)
    blocked(await step_up(thief, person.authenticator.passcode()), DAY)


async def test_signing_in_with_a_recovery_code_lifts_the_block_too(tenant: Tenant, person: SimulatedUser) -> None:
    await after_step_ups(tenant, person, 50)
    await fail_step_up(await by_provider(tenant, person), person)

    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)

    ok(await step_up(person.browser, person.authenticator.passcode()))


async def test_a_step_up_by_passcode_is_refused_after_two_factor_was_turned_off(
    tenant: Tenant, person: SimulatedUser
) -> None:
    other = await by_provider(tenant, person)
    ok(await person.browser.delete("/users/me/two-factor"), 204)

    refused(await step_up(other, "123456"), 409, "no_authenticator")


async def test_wrong_passwords_in_a_session_do_not_limit_sign_ins(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    change = {"current_password": "not the password", "new_password": "a brand new password"}
    for _ in range(5):
        wrong = {"password": "not the password"}
        refused(await person.browser.post(STEP_UP, json=wrong), 401, "invalid_credentials")
        refused(await person.browser.put("/users/me/password", json=change), 401, "invalid_credentials")
    refused(await person.browser.post(STEP_UP, json={"password": PASSWORD}), 429, "too_many_requests")

    assert (await tenant.sign_in(person, tenant.browser()))["status"] == "complete"


async def test_more_sessions_and_addresses_allow_no_more_passwords(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    for number in range(10):
        browser = tenant.browser(ip=f"198.51.100.{number}")
        await tenant.sign_in(person, browser)
        wrong = {"password": "not the password"}
        refused(await browser.post(STEP_UP, json=wrong), 401, "invalid_credentials")

    browser = tenant.browser(ip="203.0.113.7")
    await tenant.sign_in(person, browser)
    change = {"current_password": PASSWORD, "new_password": "a brand new password"}
    refused(await browser.post(STEP_UP, json={"password": PASSWORD}), 429, "too_many_requests")
    refused(await browser.put("/users/me/password", json=change), 429, "too_many_requests")
