"""The test passcode: at sign-in, step-up and enrollment, for marked users of test accounts alone."""

import asyncio
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.enrolling import begin, confirm
from tests.support.account.reviewers import TEST_PASSCODE, UNMARK, make_test_account, marked
from tests.support.account.sign_ins import begin_demanded_enrollment, submit
from tests.support.account.sign_ins import confirm as confirm_at_sign_in
from tests.support.observe.audit import AuditTrail
from tests.support.observe.locks import locked, until_waiting

ZEROS = TEST_PASSCODE["passcode"]


@pytest.fixture
async def sandbox(tenant: Tenant) -> Tenant:
    """A test account."""
    return await make_test_account(tenant)


@pytest.fixture
async def boss(sandbox: Tenant) -> SimulatedUser:
    """The owner of the test account, with a fresh session by password."""
    return await sandbox.signed_in(Role.OWNER)


async def by_zeros(tenant: Tenant, person: SimulatedUser, **body: Any) -> dict[str, Any]:
    """Sign the person in with the test passcode, in a new browser."""
    browser = tenant.browser()
    answer: dict[str, Any] = ok(
        await submit(browser, await tenant.asked(person, browser), ZEROS, remember_device=False, **body), 201
    )
    return answer


async def test_a_marked_user_signs_in_with_it_as_often_as_they_like(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await marked(sandbox, boss)

    for _ in range(3):
        session = (await by_zeros(sandbox, person))["session"]
        assert session["amr"] == ["pwd", "test_passcode"]
        assert session["assurance"] == "aal2"


async def test_the_authenticator_app_keeps_working_for_a_marked_user(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await marked(sandbox, boss)
    await by_zeros(sandbox, person)

    session = (await sandbox.pass_passcode(person))["session"]

    assert session["amr"] == ["pwd", "otp"]


async def test_it_trusts_the_device_like_any_passcode(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await marked(sandbox, boss)
    browser = sandbox.browser()
    answer = ok(await submit(browser, await sandbox.asked(person, browser), ZEROS), 201)

    assert answer["trusted_device"]
    assert (await sandbox.sign_in(person, browser))["status"] == "complete"


async def test_it_is_wrong_and_counted_for_a_user_without_the_mark(sandbox: Tenant) -> None:
    person = await sandbox.enrolled()
    for _ in range(5):
        browser = sandbox.browser()
        refused(await submit(browser, await sandbox.asked(person, browser), ZEROS), 401, "passcode_incorrect")

    browser = sandbox.browser()
    token = await sandbox.asked(person, browser)
    refused(await submit(browser, token, person.authenticator.passcode()), 429, "too_many_attempts")


async def test_it_is_wrong_in_a_real_account(tenant: Tenant) -> None:
    person = await tenant.enrolled(Role.OWNER)
    browser = tenant.browser()

    refused(await submit(browser, await tenant.asked(person, browser), ZEROS), 401, "passcode_incorrect")
    refused(await person.browser.post("/session/step-up", json=TEST_PASSCODE), 401, "passcode_incorrect")
    other = await tenant.signed_in()
    refused(await confirm(other, await begin(other), ZEROS), 401, "passcode_incorrect")


async def test_it_needs_the_right_password_and_an_authenticator_that_exists(
    sandbox: Tenant, boss: SimulatedUser
) -> None:
    person = await marked(sandbox, boss)
    browser = sandbox.browser()
    body = {"email": person.user.email, "password": "a wrong password"}
    refused(await browser.post("/sign-ins", json=body), 401, "invalid_credentials")

    token = await sandbox.asked(person, browser)
    another = {"authenticator_id": "01900000-0000-7000-8000-00000000abcd"}
    refused(await submit(browser, token, ZEROS, **another), 401, "passcode_incorrect")


async def test_it_completes_a_sign_in_once(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await marked(sandbox, boss)
    token = await sandbox.asked(person)

    answers = await asyncio.gather(*(submit(sandbox.browser(), token, ZEROS) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, *[401] * 5]


async def test_it_waits_like_any_passcode_while_the_user_is_throttled(
    sandbox: Tenant, boss: SimulatedUser
) -> None:
    person = await marked(sandbox, boss)
    for _ in range(5):
        browser = sandbox.browser()
        refused(await submit(browser, await sandbox.asked(person, browser), "999999"), 401, "passcode_incorrect")
    browser = sandbox.browser()
    token = await sandbox.asked(person, browser)

    refused(await submit(browser, token, ZEROS), 429, "too_many_attempts")
    sandbox.clock.turn(seconds=31)
    ok(await submit(browser, token, ZEROS), 201)


async def test_it_makes_a_session_fresh(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await marked(sandbox, boss)
    sandbox.clock.turn(minutes=11)
    refused(await person.browser.delete("/users/me/two-factor"), 401, "step_up_required")

    session = ok(await person.browser.post("/session/step-up", json=TEST_PASSCODE))

    assert "test_passcode" in session["amr"]
    ok(await person.browser.delete("/users/me/two-factor"), 204)


async def test_it_confirms_an_enrollment_in_a_session(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await sandbox.signed_in()
    ok(await boss.browser.patch(f"/users/{person.id}", json={"test_passcode": True}))

    ok(await confirm(person, await begin(person), ZEROS), 201)

    shown = ok(await person.browser.get("/session"))["session"]
    assert shown["amr"] == ["pwd", "test_passcode"]
    await by_zeros(sandbox, person)


async def test_it_confirms_an_enrollment_at_sign_in(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await sandbox.person()
    ok(await boss.browser.patch(f"/users/{person.id}", json={"test_passcode": True}))
    await sandbox.require(boss, team_members=True)
    begun = await begin_demanded_enrollment(sandbox, person)

    answer = ok(await confirm_at_sign_in(person.browser, begun, ZEROS), 201)

    assert answer["session"]["amr"] == ["pwd", "test_passcode"]
    assert len(answer["recovery_codes"]) == 10


async def test_the_mark_is_taken_away_while_the_test_passcode_waits_for_the_lock(
    sandbox: Tenant, boss: SimulatedUser
) -> None:
    person = await marked(sandbox, boss)
    token = await sandbox.asked(person)
    async with locked(sandbox, person):
        unmarking = asyncio.create_task(boss.browser.patch(f"/users/{person.id}", json=UNMARK))
        await until_waiting(sandbox.services.database, 1)
        submitting = asyncio.create_task(submit(sandbox.browser(), token, ZEROS))
        await until_waiting(sandbox.services.database, 2)

    ok(await unmarking)
    refused(await submitting, 401, "sign_in_expired")


async def test_the_audit_log_says_how_a_sign_in_was_completed(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await marked(sandbox, boss)
    token = await sandbox.asked(person)
    trail = AuditTrail(sandbox)
    await trail.new()

    ok(await submit(sandbox.browser(), token, ZEROS, remember_device=False), 201)

    [event] = await trail.new()
    assert (event.type, event.details) == ("sign_in.succeeded", {"amr": ["pwd", "test_passcode"]})
