"""A passcode works once across enrollment, sign-in and step-up (docs/api.md section 4)."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import submit

Sending = Callable[[Tenant, SimulatedUser, str], Awaitable[httpx.Response]]


async def sign_in(tenant: Tenant, person: SimulatedUser, passcode: str) -> httpx.Response:
    return await submit(tenant.browser(), await tenant.asked(person), passcode)


async def step_up(_: Tenant, person: SimulatedUser, passcode: str) -> httpx.Response:
    return await person.browser.post("/session/step-up", json={"passcode": passcode})


EVERYWHERE = [sign_in, step_up]


@pytest.mark.parametrize("first", EVERYWHERE)
@pytest.mark.parametrize("second", EVERYWHERE)
async def test_a_passcode_used_at_sign_in_or_step_up_is_used_at_both(
    tenant: Tenant, first: Sending, second: Sending
) -> None:
    person = await tenant.enrolled()
    passcode = person.authenticator.passcode()
    assert (await first(tenant, person, passcode)).is_success

    problem = refused(await second(tenant, person, passcode), 401, "passcode_already_used")

    assert problem["retry_after"] == 30
    assert (await second(tenant, person, person.authenticator.next_passcode())).is_success


@pytest.mark.parametrize("second", EVERYWHERE)
async def test_a_passcode_that_confirmed_an_enrollment_is_used_at_sign_in_and_step_up(
    tenant: Tenant, second: Sending
) -> None:
    person = await tenant.signed_in()
    await tenant.enroll(person)
    tenant.clock.turn(seconds=-30)  # back to the moment of the enrollment

    refused(await second(tenant, person, person.authenticator.passcode()), 401, "passcode_already_used")
    refused(await second(tenant, person, person.authenticator.passcode(-1)), 401, "passcode_already_used")

    assert (await second(tenant, person, person.authenticator.passcode(1))).is_success


@pytest.mark.parametrize("first", EVERYWHERE)
@pytest.mark.parametrize("second", EVERYWHERE)
async def test_a_recovery_code_used_at_sign_in_or_step_up_is_used_at_both(
    tenant: Tenant, first: Sending, second: Sending
) -> None:
    person = await tenant.enrolled()
    code = person.recovery_codes[0]
    assert (await first(tenant, person, code)).is_success

    refused(await second(tenant, person, code.upper().replace("-", " ")), 401, "passcode_already_used")


async def test_a_refused_passcode_is_not_used_up(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    late = await tenant.asked(person)
    tenant.clock.turn(minutes=10)
    refused(await submit(tenant.browser(), late, person.authenticator.passcode()), 401, "sign_in_expired")

    ok(await sign_in(tenant, person, person.authenticator.passcode()), 201)


async def test_a_passcode_refused_by_the_throttle_is_not_used_up(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    for _ in range(5):
        refused(
            await submit(tenant.browser(), token, person.authenticator.wrong_passcode()), 401, "passcode_incorrect"
        )
    passcode = person.authenticator.passcode(1)
    refused(await submit(tenant.browser(), token, passcode), 429, "too_many_attempts")
    tenant.clock.turn(seconds=30)

    ok(await submit(tenant.browser(), token, passcode), 201)


async def test_after_the_clock_is_set_back_earlier_passcodes_are_refused(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    tenant.clock.turn(minutes=5)
    passcode = person.authenticator.passcode()
    ok(await sign_in(tenant, person, passcode), 201)
    tenant.clock.turn(minutes=-2)

    for steps_ahead in (-1, 0, 1):
        response = await sign_in(tenant, person, person.authenticator.passcode(steps_ahead))
        problem = refused(response, 401, "passcode_already_used")
        assert problem["retry_after"] == 150
