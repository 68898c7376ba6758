"""One passcode sent many times at once opens one session (docs/api.md section 4)."""

import asyncio
from typing import Any

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok
from tests.support.account.sign_ins import submit
from tests.support.programs.instances import Crowd, outcomes

PASSCODE = "/sign-ins/passcode"


async def sessions_of(person: SimulatedUser) -> int:
    return len(ok(await person.browser.get("/users/me/sessions", params={"limit": 100}))["items"])


async def two_factor_of(person: SimulatedUser) -> Any:
    return ok(await person.browser.get("/users/me/two-factor"))


async def test_one_passcode_in_one_sign_in_opens_one_session(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.enrolled()
    body = {"sign_in_token": await tenant.asked(person), "passcode": person.authenticator.next_passcode()}

    responses = await asyncio.gather(*(crowd.post(PASSCODE, body) for _ in range(50)))

    assert outcomes(responses) == {"complete": 1, "sign_in_expired": 49}
    assert await sessions_of(person) == 2  # this one and the one of the enrollment
    assert (await two_factor_of(person))["trusted_devices"] == 1


async def test_one_passcode_in_fifty_sign_ins_opens_one_session(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.enrolled()
    tokens = [await tenant.asked(person) for _ in range(50)]
    passcode = person.authenticator.next_passcode()

    responses = await asyncio.gather(
        *(crowd.post(PASSCODE, {"sign_in_token": token, "passcode": passcode}) for token in tokens)
    )

    assert outcomes(responses) == {"complete": 1, "passcode_already_used": 5, "too_many_attempts": 44}
    assert await sessions_of(person) == 2


async def test_one_passcode_in_sign_ins_and_step_ups_is_used_once(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.enrolled()
    tokens = [await tenant.asked(person) for _ in range(20)]
    passcode = person.authenticator.next_passcode()

    responses = await asyncio.gather(
        *(crowd.post(PASSCODE, {"sign_in_token": token, "passcode": passcode}) for token in tokens),
        *(crowd.post("/session/step-up", {"passcode": passcode}, token=person.browser.token) for _ in range(20)),
    )

    assert sum(response.is_success for response in responses) == 1
    refused = outcomes([response for response in responses if not response.is_success])
    assert refused["passcode_already_used"] == 10  # five for each limit; the fifth step-up ends the session
    assert refused["too_many_attempts"] + refused["unauthenticated"] == 29


async def test_one_recovery_code_in_one_sign_in_opens_one_session(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.enrolled()
    body = {"sign_in_token": await tenant.asked(person), "passcode": person.recovery_codes[0]}

    responses = await asyncio.gather(*(crowd.post(PASSCODE, body) for _ in range(50)))

    assert outcomes(responses) == {"complete": 1, "sign_in_expired": 49}
    assert await sessions_of(person) == 2
    assert (await two_factor_of(person))["recovery_codes_left"] == 9


async def test_one_recovery_code_in_fifty_sign_ins_opens_one_session(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.enrolled()
    tokens = [await tenant.asked(person) for _ in range(50)]
    code = person.recovery_codes[0]

    responses = await asyncio.gather(
        *(crowd.post(PASSCODE, {"sign_in_token": token, "passcode": code}) for token in tokens)
    )

    assert outcomes(responses) == {"complete": 1, "passcode_already_used": 5, "too_many_attempts": 44}
    assert await sessions_of(person) == 2
    assert (await two_factor_of(person))["recovery_codes_left"] == 9


async def test_one_sign_in_with_twenty_right_codes_opens_one_session(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.enrolled()
    apps = [person.authenticator]
    for _ in range(3):
        await tenant.enroll(person)
        apps.append(person.authenticator)
    tenant.clock.turn(seconds=60)
    right = [app.passcode(ahead) for app in apps for ahead in (-1, 0, 1)] + person.recovery_codes[:8]
    token = await tenant.asked(person)
    before = await sessions_of(person)

    responses = await asyncio.gather(
        *(crowd.post(PASSCODE, {"sign_in_token": token, "passcode": passcode}) for passcode in right)
    )

    assert outcomes(responses) == {"complete": 1, "sign_in_expired": 19}
    assert await sessions_of(person) == before + 1
    [won] = [passcode for passcode, response in zip(right, responses, strict=True) if response.is_success]
    assert (await two_factor_of(person))["recovery_codes_left"] == (10 if len(won) == 6 else 9)
    # The other codes were not used up: another recovery code still works.
    unused = person.recovery_codes[9]
    ok(await submit(tenant.browser(), await tenant.asked(person), unused), 201)


async def test_of_two_hundred_wrong_passcodes_at_once_five_are_checked(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.enrolled()
    body = {"sign_in_token": await tenant.asked(person), "passcode": person.authenticator.wrong_passcode()}

    responses = await asyncio.gather(*(crowd.post(PASSCODE, body) for _ in range(200)))

    assert outcomes(responses) == {"passcode_incorrect": 5, "too_many_attempts": 195}
    waits = {response.headers["retry-after"] for response in responses if response.status_code == 429}
    assert waits == {"30"}


async def test_of_wrong_passcodes_and_recovery_codes_at_once_five_are_checked(
    tenant: Tenant, crowd: Crowd
) -> None:
    person = await tenant.enrolled()
    tokens = [await tenant.asked(person) for _ in range(10)]
    wrong = [person.authenticator.wrong_passcode(), "0000000-0000000"]

    responses = await asyncio.gather(
        *(
            crowd.post(PASSCODE, {"sign_in_token": tokens[number % 10], "passcode": wrong[number % 2]})
            for number in range(60)
        ),
    )

    assert outcomes(responses) == {"passcode_incorrect": 5, "too_many_attempts": 55}
