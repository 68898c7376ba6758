"""New recovery codes by an admin: the only change to another user's second factor."""

import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.core.callers import Role
from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.freshness import let_through_by_device, step_up_required
from tests.support.observe.audit import AuditTrail

REASON = {"reason": "lost phone and codes, identity checked in person"}


async def ask(caller: SimulatedUser, user_id: str, body: Any = REASON) -> httpx.Response:
    return await caller.browser.post(f"/users/{user_id}/two-factor/recovery-codes", json=body)


async def assert_old_codes_work(tenant: Tenant, target: SimulatedUser) -> None:
    """Assert that the target's own codes still work."""
    assert ok(await target.browser.get("/users/me/two-factor"))["recovery_codes_left"] == 10
    await tenant.pass_passcode(target, passcode=target.recovery_codes[0])


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
@pytest.mark.parametrize("target_role", [Role.ADMIN, Role.AGENT, Role.END_USER])
async def test_codes_made_by_an_owner_or_admin_work_once_and_replace_the_old_ones(
    tenant: Tenant, role: Role, target_role: Role
) -> None:
    admin, target = await tenant.enrolled(role), await tenant.enrolled(target_role)

    answer = ok(await ask(admin, target.id), 201)

    assert set(answer) == {"recovery_codes"}
    assert len(set(answer["recovery_codes"])) == 10
    browser = tenant.browser()
    token = await tenant.asked(target, browser)
    old = {"sign_in_token": token, "passcode": target.recovery_codes[0]}
    refused(await browser.post("/sign-ins/passcode", json=old), 401, "passcode_incorrect")
    new = answer["recovery_codes"][0]
    ok(await browser.post("/sign-ins/passcode", json={"sign_in_token": token, "passcode": new}), 201)
    again = {"sign_in_token": await tenant.asked(target), "passcode": new}
    refused(await browser.post("/sign-ins/passcode", json=again), 401, "passcode_already_used")


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_cannot_make_codes_for_another(tenant: Tenant, role: Role) -> None:
    caller, target = await tenant.enrolled(role), await tenant.enrolled(Role.END_USER)

    refused(await ask(caller, target.id), 403, "forbidden")

    await assert_old_codes_work(tenant, target)


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_cannot_make_codes_by_their_own_id(tenant: Tenant, role: Role) -> None:
    caller = await tenant.enrolled(role)

    refused(await ask(caller, caller.id), 403, "forbidden")


async def test_the_target_keeps_the_authenticator_and_two_factor_stays_on(tenant: Tenant) -> None:
    admin, target = await tenant.enrolled(Role.ADMIN), await tenant.enrolled()

    ok(await ask(admin, target.id), 201)

    shown = ok(await target.browser.get("/users/me/two-factor"))
    assert (shown["status"], len(shown["authenticators"]), shown["recovery_codes_left"]) == ("on", 1, 10)
    await tenant.pass_passcode(target)


async def test_the_targets_trusted_devices_end_and_nobody_elses(tenant: Tenant) -> None:
    admin, target, other = await tenant.enrolled(Role.ADMIN), await tenant.enrolled(), await tenant.enrolled()
    for person in (target, other):
        await tenant.pass_passcode(person)

    ok(await ask(admin, target.id), 201)

    assert (await tenant.sign_in(target))["status"] == "passcode_required"
    assert (await tenant.sign_in(other))["status"] == "complete"


async def test_an_admin_cannot_make_codes_for_the_owner(tenant: Tenant) -> None:
    owner, admin = await tenant.enrolled(Role.OWNER), await tenant.enrolled(Role.ADMIN)

    refused(await ask(admin, owner.id), 403, "forbidden")

    await assert_old_codes_work(tenant, owner)


async def test_the_owner_can_make_codes_for_themself(tenant: Tenant) -> None:
    owner = await tenant.enrolled(Role.OWNER)

    codes = ok(await ask(owner, owner.id), 201)["recovery_codes"]

    await tenant.pass_passcode(owner, passcode=codes[0])


async def test_codes_for_a_user_of_another_account_are_not_found(
    app: FastAPI, services: Services, tenant: Tenant, clock: TurnableClock
) -> None:
    elsewhere = await make_tenant(app, services, clock)
    owner, target = await tenant.enrolled(Role.OWNER), await elsewhere.enrolled()

    foreign = refused(await ask(owner, target.id), 404, "not_found")

    assert foreign == refused(await ask(owner, str(uuid.uuid4())), 404, "not_found")
    await assert_old_codes_work(elsewhere, target)


async def test_codes_for_a_malformed_user_id_are_not_found(tenant: Tenant) -> None:
    owner = await tenant.enrolled(Role.OWNER)

    refused(await ask(owner, "somebody"), 404, "not_found")


async def test_an_admin_cannot_make_codes_for_a_user_without_an_authenticator(tenant: Tenant) -> None:
    owner, target = await tenant.enrolled(Role.OWNER), await tenant.signed_in()

    refused(await ask(owner, target.id), 409, "no_authenticator")

    assert ok(await target.browser.get("/users/me/two-factor"))["recovery_codes_left"] == 0


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/reason", "missing"),
        ({"reason": ""}, "/reason", "too_short"),
        ({"reason": "  \u3000 "}, "/reason", "too_short"),
        ({"reason": None}, "/reason", "wrong_type"),
        ({"reason": "x" * 501}, "/reason", "too_long"),
        ({"reason": "lost", "silent": True}, "", "unknown_field"),
    ],
)
async def test_an_admin_must_state_a_reason_for_new_codes(
    tenant: Tenant, body: Any, pointer: str, code: str
) -> None:
    owner, target = await tenant.enrolled(Role.OWNER), await tenant.enrolled()

    problem = refused(await ask(owner, target.id, body), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    await assert_old_codes_work(tenant, target)


async def test_an_admin_needs_a_fresh_session_to_make_codes(tenant: Tenant, clock: TurnableClock) -> None:
    owner, target = await tenant.enrolled(Role.OWNER), await tenant.enrolled()
    clock.turn(minutes=10)

    step_up_required(await ask(owner, target.id))

    await assert_old_codes_work(tenant, target)


async def test_an_admin_signed_in_by_device_cannot_make_codes(tenant: Tenant) -> None:
    owner, target = await let_through_by_device(tenant, Role.OWNER), await tenant.enrolled()

    step_up_required(await ask(owner, target.id))

    await assert_old_codes_work(tenant, target)


async def test_without_a_session_nobody_can_make_codes_for_a_user(tenant: Tenant) -> None:
    target = await tenant.enrolled()

    answer = await tenant.browser().post(f"/users/{target.id}/two-factor/recovery-codes", json=REASON)

    refused(answer, 401, "unauthenticated")
    await assert_old_codes_work(tenant, target)


async def test_the_audit_events_have_the_actor_the_target_and_the_reason(tenant: Tenant) -> None:
    admin, target = await tenant.enrolled(Role.ADMIN), await tenant.enrolled()
    await tenant.pass_passcode(target)
    trail = AuditTrail(tenant)
    await trail.new()

    codes = ok(await ask(admin, target.id), 201)["recovery_codes"]

    renewed, revoked = await trail.new()
    assert (renewed.type, renewed.details) == ("recovery_codes.regenerated", REASON)
    assert (revoked.type, revoked.details["devices"]) == ("trusted_device.revoked", 1)
    for event in (renewed, revoked):
        assert (event.actor_id, event.credential) == (admin.user.id, "session")
        assert (event.target_type, event.target_id) == ("user", target.user.id)
        assert not [code for code in codes if code in repr(event)]


async def test_an_admins_attempt_to_make_codes_for_the_owner_is_recorded(tenant: Tenant) -> None:
    owner, admin = await tenant.enrolled(Role.OWNER), await tenant.enrolled(Role.ADMIN)
    trail = AuditTrail(tenant)
    await trail.new()

    refused(await ask(admin, owner.id), 403, "forbidden")

    [denied] = await trail.new()
    assert (denied.type, denied.actor_id, denied.target_id) == ("access.denied", admin.user.id, owner.user.id)
