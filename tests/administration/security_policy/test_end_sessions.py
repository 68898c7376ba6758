"""`end_sessions`: a requirement applies now, not at each user's next sign-in."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.enrolling import enroll_at_sign_in
from tests.support.observe.audit import AuditTrail
from tests.support.observe.ended_sessions import delete_ended_sessions
from tests.support.observe.sql import run_sql

PATH = "/security-policy"


async def require_now(owner: SimulatedUser, **groups: bool) -> None:
    body = {"require_two_factor": groups, "end_sessions": True}
    ok(await owner.browser.patch(PATH, json=body))


async def alive(browser: Client) -> None:
    ok(await browser.get("/session"))


async def ended(browser: Client) -> None:
    refused(await browser.get("/session"), 401, "unauthenticated")


async def test_without_end_sessions_users_stay_signed_in(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()

    await tenant.require(owner, team_members=True)

    await alive(person.browser)
    assert (await tenant.sign_in(person))["status"] == "enrollment_required"


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT])
async def test_a_user_who_must_enroll_is_signed_out_everywhere_and_enrolls_at_sign_in(
    tenant: Tenant, owner: SimulatedUser, role: Role
) -> None:
    person = await tenant.signed_in(role)
    elsewhere = tenant.browser()
    await tenant.sign_in(person, elsewhere)

    await require_now(owner, team_members=True)

    for browser in (person.browser, elsewhere):
        await ended(browser)
    await enroll_at_sign_in(tenant, person)
    await alive(person.browser)


async def test_a_user_with_an_authenticator_stays_signed_in(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.enrolled()
    by_trusted_device = tenant.browser()
    await tenant.pass_passcode(person, by_trusted_device)
    await tenant.sign_in(person, by_trusted_device)
    await tenant.step_up(owner)

    await require_now(owner, team_members=True)

    await alive(person.browser)
    await alive(by_trusted_device)


async def test_the_callers_own_session_stays_and_their_other_sessions_end(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    elsewhere = tenant.browser()
    await tenant.sign_in(owner, elsewhere)

    await require_now(owner, team_members=True)

    await alive(owner.browser)
    await ended(elsewhere)


async def test_only_the_group_with_the_requirement_is_signed_out(tenant: Tenant, owner: SimulatedUser) -> None:
    end_user, agent = await tenant.signed_in(Role.END_USER), await tenant.signed_in(Role.AGENT)

    await require_now(owner, team_members=True)

    await alive(end_user.browser)
    await ended(agent.browser)


async def test_end_users_are_signed_out_if_two_factor_is_required_of_them(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    end_user, agent = await tenant.signed_in(Role.END_USER), await tenant.signed_in(Role.AGENT)

    await require_now(owner, end_users=True)

    await ended(end_user.browser)
    await alive(agent.browser)


async def test_end_sessions_alone_enforces_an_earlier_requirement(tenant: Tenant) -> None:
    owner, person = await tenant.enrolled(Role.OWNER), await tenant.signed_in()
    await tenant.require(owner, team_members=True)
    await alive(person.browser)

    ok(await owner.browser.patch(PATH, json={"end_sessions": True}))

    await ended(person.browser)


@pytest.mark.parametrize("body", [{"end_sessions": True}, {"end_sessions": True, "trusted_device_days": 1}])
async def test_without_a_requirement_nobody_is_signed_out(tenant: Tenant, owner: SimulatedUser, body: Any) -> None:
    person = await tenant.signed_in()

    ok(await owner.browser.patch(PATH, json=body))

    await alive(person.browser)


async def test_a_refused_change_signs_nobody_out(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()
    body = {
        "require_two_factor": {"team_members": True},
        "api_password_access": True,
        "end_sessions": True,
    }

    refused(await owner.browser.patch(PATH, json=body), 409, "two_factor_required")

    await alive(person.browser)


async def test_sessions_from_sso_stay(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()
    statement = "UPDATE sessions SET amr = ARRAY['sso'] WHERE account_id = :account AND user_id = :user"
    await run_sql(tenant, statement, user=person.user.id)

    await require_now(owner, team_members=True)

    await alive(person.browser)


async def test_another_account_is_not_touched(tenant: Tenant, owner: SimulatedUser) -> None:
    statement = "SELECT count(*) FROM sessions WHERE account_id <> :account"
    before = await run_sql(tenant, statement)

    await require_now(owner, team_members=True, end_users=True)

    assert await run_sql(tenant, statement) == before


async def test_each_user_signed_out_is_recorded_once(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()
    await tenant.sign_in(person, tenant.browser())
    trail = AuditTrail(tenant)
    await trail.new()

    await require_now(owner, team_members=True)

    [changed] = await trail.new()
    assert (changed.type, changed.details["end_sessions"]) == ("policy.changed", True)
    assert await delete_ended_sessions(tenant) == 1
    [ended_sessions] = await trail.new()
    assert (ended_sessions.type, ended_sessions.details["sessions"]) == ("session.ended", 2)
    assert (ended_sessions.target_type, ended_sessions.target_id) == ("user", person.user.id)
    assert ended_sessions.actor_id == owner.user.id
