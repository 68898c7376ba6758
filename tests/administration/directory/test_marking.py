"""Who has the test passcode: an admin decides, in test accounts alone."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_token
from tests.support.account.reviewers import MARK, UNMARK, make_test_account, marked
from tests.support.account.sign_ins import submit
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql


@pytest.fixture
async def sandbox(tenant: Tenant) -> Tenant:
    """A test account."""
    return await make_test_account(tenant)


@pytest.fixture
async def boss(sandbox: Tenant) -> SimulatedUser:
    """The owner of the test account."""
    return await sandbox.signed_in(Role.OWNER)


async def test_admins_mark_users_and_see_who_is_marked(sandbox: Tenant, boss: SimulatedUser) -> None:
    admin, person = await sandbox.signed_in(Role.ADMIN), await sandbox.person()
    trail = AuditTrail(sandbox)
    await trail.new()

    assert ok(await admin.browser.patch(f"/users/{person.id}", json=MARK))["test_passcode"] is True

    assert ok(await boss.browser.get(f"/users/{person.id}"))["test_passcode"] is True
    [event] = await trail.new()
    assert (event.type, event.actor_id, event.target_id) == ("user.changed", admin.user.id, person.user.id)
    assert event.details == {
        "fields": ["test_passcode"],
        "old": {"test_passcode": False},
        "new": {"test_passcode": True},
    }


async def test_nobody_is_marked_in_a_real_account(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()

    refused(await owner.browser.patch(f"/users/{person.id}", json=MARK), 409, "conflict")
    assert ok(await owner.browser.patch(f"/users/{person.id}", json=UNMARK))["test_passcode"] is False
    mark = "UPDATE users SET test_passcode = true WHERE account_id = :account"
    with pytest.raises(IntegrityError, match="only users of test accounts have the test passcode"):
        await run_sql(tenant, mark)


async def test_neither_agents_nor_api_tokens_nor_other_accounts_mark_users(
    sandbox: Tenant, boss: SimulatedUser, owner: SimulatedUser
) -> None:
    person, agent = await sandbox.person(), await sandbox.signed_in(Role.AGENT)
    admin = await sandbox.signed_in(Role.ADMIN)
    script = await by_token(sandbox, boss, "users:write")

    refused(await agent.browser.patch(f"/users/{person.id}", json=MARK), 403, "forbidden")
    refused(await script.patch(f"/users/{person.id}", json=MARK), 403, "forbidden")
    refused(await owner.browser.patch(f"/users/{person.id}", json=MARK), 404, "not_found")
    refused(await admin.browser.patch(f"/users/{boss.id}", json=MARK), 403, "forbidden")
    assert ok(await boss.browser.get(f"/users/{person.id}"))["test_passcode"] is False


async def test_marking_needs_a_fresh_session(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await sandbox.person()
    sandbox.clock.turn(minutes=11)

    refused(await boss.browser.patch(f"/users/{person.id}", json=MARK), 401, "step_up_required")


@pytest.mark.parametrize("value", [None, 1, "true", []])
async def test_a_mark_is_true_or_false(sandbox: Tenant, boss: SimulatedUser, value: object) -> None:
    person = await sandbox.person()
    body = {"test_passcode": value}

    refused(await boss.browser.patch(f"/users/{person.id}", json=body), 422, "invalid_request")


async def test_all_that_a_user_had_ends_with_the_mark(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await marked(sandbox, boss)
    browser = sandbox.browser()
    signed_in = ok(await submit(browser, await sandbox.asked(person, browser), "000000"), 201)
    browser.token = signed_in["session"]["token"]
    ok(await browser.get("/session"))

    ok(await boss.browser.patch(f"/users/{person.id}", json=UNMARK))

    refused(await browser.get("/session"), 401, "unauthenticated")
    token = await sandbox.asked(person, browser)  # the device is not trusted any more
    refused(await submit(browser, token, "000000"), 401, "passcode_incorrect")
    ok(await submit(browser, token, person.authenticator.next_passcode()), 201)


async def test_marking_ends_nothing(sandbox: Tenant, boss: SimulatedUser) -> None:
    person = await sandbox.enrolled()

    ok(await boss.browser.patch(f"/users/{person.id}", json=MARK))

    ok(await person.browser.get("/session"))


@pytest.mark.parametrize("test", [True, False])
async def test_an_account_stays_a_test_account_or_a_real_one(
    tenant: Tenant, sandbox: Tenant, *, test: bool
) -> None:
    account = sandbox if test else tenant

    with pytest.raises(IntegrityError, match="this column never changes"):
        await run_sql(account, "UPDATE accounts SET test = NOT test WHERE id = :account")
    await run_sql(account, "UPDATE accounts SET name = 'New', test = test WHERE id = :account")
