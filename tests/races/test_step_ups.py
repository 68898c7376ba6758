"""Of many concurrent wrong passcodes at step-up, five are checked (docs/api.md section 6)."""

import asyncio

from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.account.step_ups import STEP_UP, by_provider, known_to_a_provider
from tests.support.observe.audit import AuditTrail
from tests.support.programs.instances import Crowd, outcomes


async def test_of_two_hundred_wrong_passcodes_in_one_session_five_are_checked(
    tenant: Tenant, crowd: Crowd
) -> None:
    person = await known_to_a_provider(tenant)
    thief = await by_provider(tenant, person)
    body = {"passcode": person.authenticator.wrong_passcode()}
    trail = AuditTrail(tenant)
    await trail.new()

    responses = await asyncio.gather(*(crowd.post(STEP_UP, body, token=thief.token) for _ in range(200)))

    assert outcomes(responses) == {"passcode_incorrect": 5, "unauthenticated": 195}
    refused(await thief.get("/session"), 401, "unauthenticated")
    assert await trail.new_types() == ["passcode.failed"] * 5 + ["passcode.locked", "session.ended"]
    await tenant.pass_passcode(person, tenant.browser())


async def test_of_two_hundred_wrong_passcodes_in_forty_sessions_five_are_checked(
    tenant: Tenant, crowd: Crowd
) -> None:
    person = await known_to_a_provider(tenant)
    tokens = [(await by_provider(tenant, person)).token for _ in range(40)]
    body = {"passcode": person.authenticator.wrong_passcode()}

    responses = await asyncio.gather(
        *(crowd.post(STEP_UP, body, token=tokens[number % 40]) for number in range(200))
    )

    assert outcomes(responses) == {"passcode_incorrect": 5, "too_many_attempts": 195}
    waits = {response.headers["retry-after"] for response in responses if response.status_code == 429}
    assert waits == {"30"}
    await tenant.pass_passcode(person, tenant.browser())


async def test_concurrent_wrong_passcodes_at_sign_in_and_step_up_are_counted_separately(
    tenant: Tenant, crowd: Crowd
) -> None:
    person = await known_to_a_provider(tenant)
    tokens = [(await by_provider(tenant, person)).token for _ in range(20)]
    wrong = {"passcode": person.authenticator.wrong_passcode()}
    body = wrong | {"sign_in_token": await tenant.asked(person)}

    responses = await asyncio.gather(
        *(crowd.post("/sign-ins/passcode", body) for _ in range(60)),
        *(crowd.post(STEP_UP, wrong, token=tokens[number % 20]) for number in range(60)),
    )

    for half in (responses[:60], responses[60:]):
        assert outcomes(half) == {"passcode_incorrect": 5, "too_many_attempts": 55}


async def test_one_passcode_in_twenty_sessions_steps_one_up(tenant: Tenant, crowd: Crowd) -> None:
    person = await known_to_a_provider(tenant)
    tokens = [(await by_provider(tenant, person)).token for _ in range(20)]
    body = {"passcode": person.authenticator.next_passcode()}

    responses = await asyncio.gather(*(crowd.post(STEP_UP, body, token=token) for token in tokens))

    assert outcomes(responses) == {"200": 1, "passcode_already_used": 5, "too_many_attempts": 14}


async def test_one_recovery_code_in_twenty_sessions_steps_one_up(tenant: Tenant, crowd: Crowd) -> None:
    person = await known_to_a_provider(tenant)
    tokens = [(await by_provider(tenant, person)).token for _ in range(20)]
    body = {"passcode": person.recovery_codes[0]}

    responses = await asyncio.gather(*(crowd.post(STEP_UP, body, token=token) for token in tokens))

    assert outcomes(responses) == {"200": 1, "passcode_already_used": 5, "too_many_attempts": 14}
    assert ok(await person.browser.get("/users/me/two-factor"))["recovery_codes_left"] == 9
