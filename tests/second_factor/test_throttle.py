"""How guessing a passcode is slowed down (docs/api.md section 4)."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import credentials, submit
from tests.support.account.variants import another_account
from tests.support.observe.jobs import letters

BLOCKS = [30, 60, 120, 240, 480, 900, 900, 900]
"""The seconds of every further block, from the fifth failure in a row."""


async def guess(tenant: Tenant, person: SimulatedUser, *, times: int = 1) -> None:
    """Send wrong passcodes in one sign-in, each from a new browser."""
    token = await tenant.asked(person)
    for _ in range(times):
        response = await submit(tenant.browser(), token, person.authenticator.wrong_passcode())
        refused(response, 401, "passcode_incorrect")


def throttled(response: httpx.Response, seconds: int) -> None:
    problem = refused(response, 429, "too_many_attempts")
    assert response.headers["retry-after"] == str(seconds)
    assert set(problem) == {"type", "title", "status", "code", "detail", "retry_after", "violated-policies"}


async def test_after_five_wrong_passcodes_a_right_one_is_refused_for_thirty_seconds(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    await guess(tenant, person, times=5)

    throttled(await submit(tenant.browser(), token, person.authenticator.passcode()), 30)
    throttled(await submit(tenant.browser(), token, person.authenticator.wrong_passcode()), 30)
    throttled(await submit(tenant.browser(), token, person.recovery_codes[0]), 30)
    tenant.clock.turn(seconds=29.5)
    throttled(await submit(tenant.browser(), token, person.authenticator.passcode()), 1)
    tenant.clock.turn(seconds=0.499999)
    throttled(await submit(tenant.browser(), token, person.authenticator.passcode()), 1)
    tenant.clock.turn(seconds=0.000001)

    ok(await submit(tenant.browser(), token, person.authenticator.passcode()), 201)


async def test_four_wrong_passcodes_block_nobody(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await guess(tenant, person, times=4)

    await tenant.pass_passcode(person, tenant.browser())


async def test_each_further_failure_doubles_the_block_up_to_fifteen_minutes(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await guess(tenant, person, times=4)

    for seconds in BLOCKS:
        await guess(tenant, person)
        token = await tenant.asked(person)
        throttled(await submit(tenant.browser(), token, person.authenticator.passcode()), seconds)
        tenant.clock.turn(seconds=seconds - 1)
        token = await tenant.asked(person)
        throttled(await submit(tenant.browser(), token, person.authenticator.passcode()), 1)
        tenant.clock.turn(seconds=1)

    await tenant.pass_passcode(person, tenant.browser())


async def test_after_a_block_one_more_attempt_is_checked_and_not_five(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await guess(tenant, person, times=5)
    tenant.clock.turn(seconds=30)

    await guess(tenant, person)

    throttled(
        await submit(tenant.browser(), await tenant.asked(person), person.authenticator.wrong_passcode()), 60
    )


async def test_attempts_during_a_block_neither_count_nor_prolong_it(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await guess(tenant, person, times=5)
    token = await tenant.asked(person)
    for _ in range(20):
        throttled(await submit(tenant.browser(), token, person.authenticator.wrong_passcode()), 30)
    tenant.clock.turn(seconds=30)

    await guess(tenant, person)

    throttled(await submit(tenant.browser(), token, person.authenticator.passcode()), 60)


async def test_failures_do_not_expire(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await guess(tenant, person, times=4)
    tenant.clock.turn(days=100)

    await guess(tenant, person)

    throttled(await submit(tenant.browser(), await tenant.asked(person), person.authenticator.passcode()), 30)


async def test_a_success_resets_the_count(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    for _ in range(3):
        await guess(tenant, person, times=4)
        await tenant.pass_passcode(person, tenant.browser())
    await guess(tenant, person, times=5)
    tenant.clock.turn(seconds=30)
    await guess(tenant, person)
    tenant.clock.turn(seconds=60)
    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)

    await guess(tenant, person, times=5)

    throttled(await submit(tenant.browser(), await tenant.asked(person), person.authenticator.passcode()), 30)


async def new_sign_in(tenant: Tenant, person: SimulatedUser) -> None:
    await tenant.asked(person)


async def password_in_a_trusted_browser(tenant: Tenant, person: SimulatedUser) -> None:
    assert (await tenant.sign_in(person))["status"] == "complete"


async def sign_out(tenant: Tenant, person: SimulatedUser) -> None:
    await password_in_a_trusted_browser(tenant, person)
    ok(await person.browser.delete("/session"), 204)


async def new_recovery_codes(_: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.post("/users/me/two-factor/recovery-codes"), 201)


async def unknown_sign_in(tenant: Tenant, person: SimulatedUser) -> None:
    response = await submit(tenant.browser(), "pgi_" + "A" * 43, person.authenticator.passcode())
    refused(response, 401, "sign_in_expired")


async def malformed_passcode(tenant: Tenant, person: SimulatedUser) -> None:
    refused(await submit(tenant.browser(), await tenant.asked(person), "12345"), 422, "invalid_request")


@pytest.mark.parametrize(
    "act",
    [
        new_sign_in,
        password_in_a_trusted_browser,
        sign_out,
        new_recovery_codes,
        unknown_sign_in,
        malformed_passcode,
    ],
)
async def test_nothing_but_a_second_factor_resets_the_count(
    tenant: Tenant, act: Callable[[Tenant, SimulatedUser], Awaitable[None]]
) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    await guess(tenant, person, times=4)

    await act(tenant, person)

    await guess(tenant, person)
    throttled(await submit(tenant.browser(), await tenant.asked(person), person.authenticator.passcode()), 30)


async def test_another_browser_or_address_does_not_help(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    for number in range(5):
        browser = tenant.browser(ip=f"192.0.2.{number}")
        token = await tenant.asked(person, browser)
        refused(await submit(browser, token, person.authenticator.wrong_passcode()), 401, "passcode_incorrect")

    for ip in ("192.0.2.0", "198.51.100.7", "2001:db8::7"):
        browser = tenant.browser(ip=ip)
        throttled(await submit(browser, await tenant.asked(person, browser), person.authenticator.passcode()), 30)


async def test_used_passcodes_and_recovery_codes_count_like_wrong_ones(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person, tenant.browser())
    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)
    token = await tenant.asked(person)
    for passcode in (person.authenticator.passcode(), person.recovery_codes[0]):
        refused(await submit(tenant.browser(), token, passcode), 401, "passcode_already_used")
    for passcode in ("0000000-0000000", person.authenticator.wrong_passcode()):
        refused(await submit(tenant.browser(), token, passcode), 401, "passcode_incorrect")
    refused(await submit(tenant.browser(), token, person.authenticator.passcode()), 401, "passcode_already_used")

    throttled(await submit(tenant.browser(), token, person.authenticator.passcode(1)), 30)


async def test_step_ups_neither_count_nor_reset_failures_at_sign_in(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await guess(tenant, person, times=4)
    for _ in range(3):
        wrong = {"passcode": person.authenticator.wrong_passcode()}
        refused(await person.browser.post("/session/step-up", json=wrong), 401, "passcode_incorrect")
    await tenant.step_up(person)

    await guess(tenant, person)

    throttled(await submit(tenant.browser(), await tenant.asked(person), person.authenticator.passcode()), 30)


async def test_five_wrong_passcodes_after_the_password_send_one_letter(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await letters(tenant)
    await guess(tenant, person, times=5)
    tenant.clock.turn(seconds=30)
    await guess(tenant, person)

    [letter] = await letters(tenant)
    assert (letter["kind"], letter["to"]) == ("passcodes_failed", person.user.email)
    assert letter["details"] == {"at": "sign_in", "ended": False}


async def test_a_client_without_the_password_cannot_throttle_a_user(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    outsider = tenant.browser(ip="198.51.100.7")
    theirs = await tenant.asked(other, outsider)
    for _ in range(9):
        wrong = credentials(person, password="a wrong password")
        refused(await outsider.post("/sign-ins", json=wrong), 401, "invalid_credentials")
        refused(await submit(outsider, "pgi_" + "A" * 43, "000000"), 401, "sign_in_expired")
        named = {
            "authenticator_id": (await tenant.sign_in(person, tenant.browser()))["methods"][0]["authenticator_id"]
        }
        # The failure counts for the user of the sign-in, not for the owner of the authenticator.
        await submit(outsider, theirs, "000000", **named)

    await guess(tenant, person, times=4)
    await tenant.pass_passcode(person, tenant.browser())


async def test_the_throttle_of_one_user_affects_no_other(tenant: Tenant) -> None:
    elsewhere = await another_account(tenant)
    person, colleague = await tenant.enrolled(), await tenant.enrolled()
    namesake = await elsewhere.person(email=person.user.email)
    await elsewhere.sign_in(namesake)
    await elsewhere.enroll(namesake)
    await guess(tenant, person, times=5)

    await tenant.pass_passcode(colleague, tenant.browser())
    await elsewhere.pass_passcode(namesake, elsewhere.browser())


@pytest.mark.parametrize("role", [Role.OWNER, Role.END_USER])
async def test_a_trusted_browser_signs_in_by_password_while_the_user_is_throttled(
    tenant: Tenant, role: Role
) -> None:
    person = await tenant.enrolled(role)
    await tenant.pass_passcode(person)
    await guess(tenant, person, times=5)

    assert (await tenant.sign_in(person))["session"]["assurance"] == "aal1"
