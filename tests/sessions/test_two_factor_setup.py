"""A user who must set up 2FA is told to, and is never sent round a loop of step-ups."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.freshness import setup_required, step_up_required
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of

STEP_UP = "/session/step-up"
ENROLLMENTS = "/users/me/two-factor/enrollments"


async def signed_in_by_provider(tenant: Tenant, owner: SimulatedUser, role: Role = Role.AGENT) -> SimulatedUser:
    """Return a user who came by a provider, and has no password."""
    await name_provider(owner, roles=[role.value], default_role=role.value)
    person = await tenant.person(role, password=None)
    token = token_of(tenant, email=person.user.email)
    answer = ok(await person.browser.post("/sign-ins/jwt", json=jwt_sign_in(token)), 201)
    person.browser.token = answer["session"]["token"]
    return person


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_an_admin_who_requires_two_factor_without_having_it_is_told_to_set_it_up(
    tenant: Tenant, owner: SimulatedUser, role: Role
) -> None:
    admin = owner if role is Role.OWNER else await tenant.signed_in(role)
    await tenant.require(admin, team_members=True)

    setup_required(await admin.browser.post("/reports", json={"type": "two_factor_status"}), tenant)
    setup_required(await admin.browser.patch("/security-policy", json={}), tenant)

    await tenant.enroll(admin)
    ok(await admin.browser.post("/reports", json={"type": "two_factor_status"}), 202)


async def test_a_step_up_that_would_change_nothing_is_refused_before_the_password_is_judged(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await tenant.require(owner, team_members=True)
    before = ok(await owner.browser.get("/session"))["session"]

    for password in [PASSWORD, *["not the password"] * 20]:
        setup_required(await owner.browser.post(STEP_UP, json={"password": password}), tenant)

    assert ok(await owner.browser.get("/session"))["session"] == before
    await tenant.enroll(owner)
    ok(await owner.browser.patch("/security-policy", json={}))


async def test_a_step_up_by_password_still_leads_to_the_enrollment(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    await tenant.require(owner, team_members=True)
    clock.turn(minutes=10, milliseconds=1)
    setup_required(await owner.browser.patch("/security-policy", json={}), tenant)
    step_up_required(await owner.browser.post(ENROLLMENTS, json={"kind": "totp"}))
    refused(await owner.browser.post(STEP_UP, json={"password": "wrong"}), 401, "invalid_credentials")

    await tenant.step_up(owner)

    setup_required(await owner.browser.patch("/security-policy", json={}), tenant)
    setup_required(await owner.browser.post(STEP_UP, json={"password": PASSWORD}), tenant)
    await tenant.enroll(owner)
    ok(await owner.browser.patch("/security-policy", json={}))


async def test_the_role_is_checked_before_the_setup(tenant: Tenant, owner: SimulatedUser) -> None:
    agent = await tenant.signed_in(Role.AGENT)
    await tenant.require(owner, team_members=True)

    refused(await agent.browser.patch("/security-policy", json={}), 403, "forbidden")
    setup_required(await agent.browser.put("/users/me/two-factor/turned-on"), tenant)


async def test_without_a_requirement_nobody_is_told_to_set_it_up(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    await tenant.require(owner, end_users=True)
    clock.turn(minutes=11)

    step_up_required(await owner.browser.patch("/security-policy", json={}))
    ok(await owner.browser.post(STEP_UP, json={"password": PASSWORD}))
    ok(await owner.browser.post(STEP_UP, json={"password": PASSWORD}))
    ok(await owner.browser.patch("/security-policy", json={}))


async def test_a_user_with_an_authenticator_steps_up_as_before(tenant: Tenant, clock: TurnableClock) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    await tenant.require(owner, team_members=True)
    clock.turn(minutes=11)

    step_up_required(await owner.browser.patch("/security-policy", json={}))
    await tenant.step_up(owner)
    ok(await owner.browser.patch("/security-policy", json={}))


async def test_a_requirement_lifted_meanwhile_needs_no_setup(tenant: Tenant, owner: SimulatedUser) -> None:
    agent = await tenant.signed_in()
    await tenant.require(owner, team_members=True)
    setup_required(await agent.browser.delete("/users/me/two-factor"), tenant)
    await tenant.enroll(owner)

    await tenant.require(owner, team_members=False)

    assert (await agent.browser.delete("/users/me/two-factor")).status_code == 204


async def test_a_user_without_a_password_is_told_to_sign_in_again_by_the_provider(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    person = await signed_in_by_provider(tenant, owner)
    clock.turn(minutes=11)
    answer = await person.browser.post(ENROLLMENTS, json={"kind": "totp"})
    step_up_required(answer)
    assert "identity provider" in answer.json()["detail"]

    for _ in range(12):  # no password is judged, so none is counted
        problem = refused(await person.browser.post(STEP_UP, json={"password": PASSWORD}), 409, "conflict")
        assert "identity provider" in problem["detail"]

    token = token_of(tenant, email=person.user.email)
    signed_in = ok(await person.browser.post("/sign-ins/jwt", json=jwt_sign_in(token)), 201)
    person.browser.token = signed_in["session"]["token"]
    await tenant.enroll(person)


async def test_a_user_of_a_provider_sets_it_up_before_calls_that_need_a_fresh_session(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    admin = await signed_in_by_provider(tenant, owner, Role.AGENT)
    await tenant.require(owner, team_members=True)

    setup_required(await admin.browser.put("/users/me/two-factor/turned-on"), tenant)

    await tenant.enroll(admin)
    ok(await admin.browser.put("/users/me/two-factor/turned-on"))
