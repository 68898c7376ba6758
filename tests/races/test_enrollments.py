"""One enrollment confirmed many times at once through two instances binds one authenticator."""

import asyncio
from typing import Any

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import begin_demanded_enrollment, submit
from tests.support.programs.instances import Crowd, outcomes

ENROLLMENTS = "/users/me/two-factor/enrollments"


async def test_an_enrollment_confirmed_twenty_times_at_once_binds_one_authenticator(
    tenant: Tenant, crowd: Crowd
) -> None:
    person = await tenant.signed_in()
    begun = ok(await person.browser.post(ENROLLMENTS, json={"kind": "totp"}), 201)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    path, body = f"{ENROLLMENTS}/{begun['id']}/confirmation", {"passcode": app.passcode()}

    responses = await asyncio.gather(*(crowd.post(path, body, token=person.browser.token) for _ in range(20)))

    assert outcomes(responses) == {"201": 1, "enrollment_expired": 19}
    await assert_only_the_winner_counts(
        tenant, person, next(found for found in responses if found.is_success).json()
    )


async def test_an_enrollment_at_sign_in_confirmed_twenty_times_at_once_opens_one_session(
    tenant: Tenant, crowd: Crowd
) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    await tenant.require(owner, end_users=True)
    person = await tenant.person(Role.END_USER)
    begun = await begin_demanded_enrollment(tenant, person)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    body = {"sign_in_token": begun["sign_in_token"], "passcode": app.passcode()}

    responses = await asyncio.gather(*(crowd.post(path, body) for _ in range(20)))

    assert outcomes(responses) == {"complete": 1, "sign_in_expired": 19}
    answer = next(found for found in responses if found.is_success).json()
    person.browser.token = answer["session"]["token"]
    assert len(ok(await person.browser.get("/users/me/sessions"))["items"]) == 1
    await assert_only_the_winner_counts(tenant, person, answer)


async def test_two_sign_ins_that_enroll_at_once_bind_one_authenticator(tenant: Tenant, crowd: Crowd) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    await tenant.require(owner, end_users=True)
    person = await tenant.person(Role.END_USER)
    tokens = [(await tenant.sign_in(person))["sign_in_token"] for _ in range(10)]

    async def enroll(token: str) -> Any:
        begun = await crowd.post("/sign-ins/enrollments", {"sign_in_token": token, "kind": "totp"})
        if begun.status_code != 201:
            return begun
        passcode = AuthenticatorApp(begun.json()["secret"], tenant.clock).passcode()
        path = f"/sign-ins/enrollments/{begun.json()['id']}/confirmation"
        return await crowd.post(path, {"sign_in_token": token, "passcode": passcode})

    responses = await asyncio.gather(*(enroll(token) for token in tokens))

    found = outcomes(responses)
    assert found.pop("complete") == 1
    assert set(found) <= {"enrollment_expired", "already_enrolled", "sign_in_expired"}
    answer = next(response for response in responses if response.is_success).json()
    person.browser.token = answer["session"]["token"]
    assert len(ok(await person.browser.get("/users/me/two-factor"))["authenticators"]) == 1
    assert len(ok(await person.browser.get("/users/me/sessions"))["items"]) == 1


async def test_of_twenty_wrong_confirmations_at_once_five_are_checked(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.signed_in()
    begun = ok(await person.browser.post(ENROLLMENTS, json={"kind": "totp"}), 201)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    path, body = f"{ENROLLMENTS}/{begun['id']}/confirmation", {"passcode": app.wrong_passcode()}

    responses = await asyncio.gather(*(crowd.post(path, body, token=person.browser.token) for _ in range(20)))

    assert outcomes(responses) == {"passcode_incorrect": 5, "enrollment_expired": 15}
    refused(await person.browser.post(path, json={"passcode": app.passcode()}), 410, "enrollment_expired")


async def test_enrollments_begun_at_once_leave_one_open(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.signed_in()
    token = person.browser.token

    responses = await asyncio.gather(*(crowd.post(ENROLLMENTS, {"kind": "totp"}, token=token) for _ in range(20)))

    assert outcomes(responses) == {"201": 20}
    confirmed = []
    for begun in (response.json() for response in responses):
        passcode = AuthenticatorApp(begun["secret"], tenant.clock).passcode()
        confirmed.append(
            await crowd.post(f"{ENROLLMENTS}/{begun['id']}/confirmation", {"passcode": passcode}, token=token)
        )
    assert outcomes(confirmed) == {"201": 1, "enrollment_expired": 19}


async def assert_only_the_winner_counts(tenant: Tenant, person: SimulatedUser, answer: Any) -> None:
    """Assert that there is one authenticator, and that the returned recovery codes work."""
    shown = ok(await person.browser.get("/users/me/two-factor"))
    assert len(shown["authenticators"]) == 1
    assert shown["recovery_codes_left"] == 10
    code = answer["recovery_codes"][0]
    ok(await submit(tenant.browser(), await tenant.asked(person), code), 201)
