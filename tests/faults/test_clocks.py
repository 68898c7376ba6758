"""A clock that is wrong or far in the future: nothing used works again, nothing breaks.

Passcodes at every offset are in tests/second_factor/kinds/test_totp.py and tests/sign_in/test_passcode.py.
"""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import BASE_URL, ok, refused
from tests.support.account.identity_tokens import ask_token, fetch_keys, verify
from tests.support.observe.sql import run_sql

# In the last 30 s before signed and unsigned 32-bit seconds overflow.
END_OF_31_BITS = datetime.fromtimestamp(2**31 - 8, UTC)
END_OF_32_BITS = datetime.fromtimestamp(2**32 - 16, UTC)


async def answer(tenant: Tenant, person: SimulatedUser, passcode: str) -> httpx.Response:
    body = {"sign_in_token": await tenant.asked(person), "passcode": passcode, "remember_device": False}
    return await tenant.browser().post("/sign-ins/passcode", json=body)


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1)], ids=["an hour", "a day"])
async def test_with_the_clock_set_back_used_codes_stay_used_and_a_recovery_code_works(
    tenant: Tenant, back: timedelta
) -> None:
    person = await tenant.enrolled(Role.END_USER)  # their sessions last longer than the hour
    await tenant.pass_passcode(person)
    used = person.authenticator.passcode()
    code, another, *_ = person.recovery_codes
    ok(await answer(tenant, person, code), 201)
    true_time = tenant.clock.now()

    tenant.clock.set(true_time - back)
    earlier = person.authenticator.passcode()

    # Never used, but its step is before last_accepted_step: somebody may have seen it in that hour.
    refused(await answer(tenant, person, earlier), 401, "passcode_already_used")
    refused(await answer(tenant, person, used), 401, "passcode_incorrect")
    refused(await answer(tenant, person, code), 401, "passcode_already_used")
    ok(await person.browser.get("/session"))
    ok(await answer(tenant, person, another), 201)
    newcomer = await tenant.enrolled()
    await tenant.pass_passcode(newcomer, tenant.browser())

    tenant.clock.set(true_time)
    refused(await answer(tenant, person, used), 401, "passcode_already_used")
    await tenant.pass_passcode(person)


async def test_a_clock_set_forward_a_day_and_then_set_right_revives_nothing_used(
    tenant: Tenant,
) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    left_open = await tenant.asked(person)
    true_time = tenant.clock.now()

    tenant.clock.turn(days=1)
    body = {"sign_in_token": left_open, "passcode": person.authenticator.passcode()}
    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "sign_in_expired")
    refused(await person.browser.get("/session"), 401, "unauthenticated")
    assert (await tenant.sign_in(person))["status"] == "complete"  # the trusted device has not expired
    await tenant.pass_passcode(person, tenant.browser())
    tomorrows = person.authenticator.passcode()

    tenant.clock.set(true_time)
    refused(await answer(tenant, person, person.authenticator.next_passcode()), 401, "passcode_already_used")
    refused(await answer(tenant, person, tomorrows), 401, "passcode_incorrect")
    ok(await answer(tenant, person, person.recovery_codes[0]), 201)
    tenant.clock.set(true_time + timedelta(days=1))
    refused(await answer(tenant, person, tomorrows), 401, "passcode_already_used")


@pytest.mark.parametrize("moment", [END_OF_31_BITS, END_OF_32_BITS], ids=["2038", "2106"])
async def test_everything_works_past_the_end_of_32_bit_seconds(
    tenant: Tenant, app: FastAPI, moment: datetime
) -> None:
    # The other signing keys are sealed by another test's secret key.
    await run_sql(tenant, "DELETE FROM signing_keys WHERE account_id <> :account")
    tenant.clock.set(moment)
    owner = await tenant.signed_in(Role.OWNER)
    await tenant.enroll(owner)  # moves the clock past the overflow
    assert tenant.clock.now() > datetime.fromtimestamp(2 ** (31 if moment == END_OF_31_BITS else 32), UTC)
    used = owner.authenticator.passcode(-1)
    refused(await answer(tenant, owner, used), 401, "passcode_already_used")
    await tenant.pass_passcode(owner)
    assert (await tenant.sign_in(owner))["status"] == "complete"  # on its trusted device
    await tenant.step_up(owner)
    ok(await answer(tenant, owner, owner.recovery_codes[0]), 201)
    ok(await owner.browser.patch("/security-policy", json={"require_two_factor": {"team_members": True}}))

    root = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE_URL)
    verify(await ask_token(owner), await fetch_keys(root), tenant.clock)
    shown = ok(await owner.browser.get("/session"))["session"]
    assert shown["created_at"].startswith(str(moment.year))
    assert len(ok(await owner.browser.get("/audit-events"))["items"]) > 10

    wrong = owner.authenticator.wrong_passcode()
    for _ in range(5):
        refused(await answer(tenant, owner, wrong), 401, "passcode_incorrect")
    refused(blocked := await answer(tenant, owner, wrong), 429, "too_many_attempts")
    assert 0 < int(blocked.headers["retry-after"]) <= 30
