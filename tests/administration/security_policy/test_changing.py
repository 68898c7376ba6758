"""Reading and changing the security policy: who may, what is merged, and what is refused."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from app.core.callers import Role
from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.freshness import let_through_by_device, setup_required, step_up_required
from tests.support.account.times import on_the_wire
from tests.support.observe.audit import AuditTrail

PATH = "/security-policy"
SEVEN_DAYS = {"trusted_device_days": 7}


async def policy_seen_by(person: SimulatedUser) -> dict[str, Any]:
    policy: dict[str, Any] = ok(await person.browser.get(PATH))
    return policy


async def test_a_new_account_has_nothing_required(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    assert await policy_seen_by(owner) == {
        "require_two_factor": {"team_members": False, "end_users": False},
        "api_password_access": False,
        "trusted_device_days": 30,
        "allowed_kinds": {"team_members": ["totp"], "end_users": ["totp"]},
        "updated_at": on_the_wire(clock.now()),
    }
    assert tenant.account.slug in str(owner.browser.http.base_url)


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.AGENT])
async def test_every_team_member_reads_the_policy(tenant: Tenant, role: Role) -> None:
    person = await let_through_by_device(tenant, role)

    assert (await policy_seen_by(person))["trusted_device_days"] == 30


async def test_an_end_user_does_not_read_the_policy(tenant: Tenant) -> None:
    person = await tenant.enrolled(Role.END_USER)

    refused(await person.browser.get(PATH), 403, "forbidden")


async def test_an_unauthenticated_caller_neither_reads_nor_changes_the_policy(tenant: Tenant) -> None:
    refused(await tenant.browser().get(PATH), 401, "unauthenticated")
    refused(await tenant.browser().patch(PATH, json=SEVEN_DAYS), 401, "unauthenticated")


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_owner_and_admins_change_the_policy_and_its_updated_at(
    tenant: Tenant, role: Role, clock: TurnableClock
) -> None:
    person = await tenant.enrolled(role)
    before = await policy_seen_by(person)
    clock.turn(minutes=1)

    changed = ok(await person.browser.patch(PATH, json=SEVEN_DAYS))

    assert changed == before | SEVEN_DAYS | {"updated_at": on_the_wire(clock.now())}
    assert changed == await policy_seen_by(person)


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_do_not_change_the_policy_even_when_fresh(
    tenant: Tenant, owner: SimulatedUser, role: Role
) -> None:
    person = await tenant.enrolled(role)
    before = await policy_seen_by(owner)

    refused(await person.browser.patch(PATH, json=SEVEN_DAYS), 403, "forbidden")

    assert await policy_seen_by(owner) == before


async def test_a_wrong_role_is_refused_before_a_step_up_is_required(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant, Role.AGENT)

    refused(await person.browser.patch(PATH, json=SEVEN_DAYS), 403, "forbidden")


async def test_a_session_that_is_not_fresh_changes_nothing(tenant: Tenant, clock: TurnableClock) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    before = await policy_seen_by(owner)
    clock.turn(minutes=10)

    step_up_required(await owner.browser.patch(PATH, json=SEVEN_DAYS))

    assert await policy_seen_by(owner) == before


async def test_a_session_through_a_trusted_device_changes_nothing(tenant: Tenant) -> None:
    owner = await let_through_by_device(tenant, Role.OWNER)

    step_up_required(await owner.browser.patch(PATH, json=SEVEN_DAYS))

    assert (await policy_seen_by(owner))["trusted_device_days"] == 30


async def test_an_owner_without_an_authenticator_must_enroll_to_lift_a_requirement(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await tenant.require(owner, team_members=True)

    setup_required(await owner.browser.patch(PATH, json={"require_two_factor": {"team_members": False}}), tenant)

    await tenant.enroll(owner)
    await tenant.require(owner, team_members=False)


async def test_nested_objects_are_merged(tenant: Tenant, owner: SimulatedUser) -> None:
    await tenant.enroll(owner)
    await tenant.require(owner, team_members=True)

    changed = ok(await owner.browser.patch(PATH, json={"require_two_factor": {"end_users": True}}))

    assert changed["require_two_factor"] == {"team_members": True, "end_users": True}
    changed = ok(await owner.browser.patch(PATH, json={"require_two_factor": {"team_members": False}}))
    assert changed["require_two_factor"] == {"team_members": False, "end_users": True}
    changed = ok(await owner.browser.patch(PATH, json={"allowed_kinds": {"end_users": ["totp", "totp"]}}))
    assert changed["allowed_kinds"] == {"team_members": ["totp"], "end_users": ["totp"]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"require_two_factor": {}},
        {"allowed_kinds": {}},
        {"trusted_device_days": 30},
        {"end_sessions": False},
        {"require_two_factor": {"team_members": False}, "api_password_access": False},
    ],
)
async def test_a_change_without_effect_keeps_version_and_time_and_is_not_recorded(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock, body: Any
) -> None:
    before = await owner.browser.get(PATH)
    clock.turn(minutes=1)
    trail = AuditTrail(tenant)
    await trail.new()

    after = await owner.browser.patch(PATH, json=body)

    assert ok(after) == before.json()
    assert after.headers["etag"] == before.headers["etag"]
    assert await trail.new() == []


@pytest.mark.parametrize("days", [0, 1, 29, 30])
async def test_devices_may_be_trusted_for_0_to_30_days(owner: SimulatedUser, days: int) -> None:
    changed = ok(await owner.browser.patch(PATH, json={"trusted_device_days": days}))

    assert changed["trusted_device_days"] == days


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"trusted_device_days": -1}, "/trusted_device_days", "out_of_range"),
        ({"trusted_device_days": 31}, "/trusted_device_days", "out_of_range"),
        ({"trusted_device_days": 10**30}, "/trusted_device_days", "out_of_range"),
        ({"trusted_device_days": "7"}, "/trusted_device_days", "wrong_type"),
        ({"trusted_device_days": 7.0}, "/trusted_device_days", "wrong_type"),
        ({"trusted_device_days": True}, "/trusted_device_days", "wrong_type"),
        ({"trusted_device_days": None}, "/trusted_device_days", "wrong_type"),
        ({"api_password_access": "yes"}, "/api_password_access", "wrong_type"),
        ({"api_password_access": 1}, "/api_password_access", "wrong_type"),
        ({"api_password_access": None}, "/api_password_access", "wrong_type"),
        ({"require_two_factor": None}, "/require_two_factor", "wrong_type"),
        ({"require_two_factor": True}, "/require_two_factor", "wrong_type"),
        ({"require_two_factor": {"team_members": None}}, "/require_two_factor/team_members", "wrong_type"),
        ({"require_two_factor": {"team_members": 1}}, "/require_two_factor/team_members", "wrong_type"),
        ({"require_two_factor": {"agents": True}}, "/require_two_factor", "unknown_field"),
        ({"allowed_kinds": {"team_members": []}}, "/allowed_kinds/team_members", "too_short"),
        ({"allowed_kinds": {"team_members": ["sms"]}}, "/allowed_kinds/team_members/0", "not_allowed"),
        ({"allowed_kinds": {"end_users": ["totp", "carrier"]}}, "/allowed_kinds/end_users/1", "not_allowed"),
        ({"allowed_kinds": {"end_users": "totp"}}, "/allowed_kinds/end_users", "wrong_type"),
        ({"allowed_kinds": {"end_users": None}}, "/allowed_kinds/end_users", "wrong_type"),
        ({"end_sessions": None}, "/end_sessions", "wrong_type"),
        ({"updated_at": "2026-01-01T00:00:00Z"}, "", "unknown_field"),
        ({"version": 9}, "", "unknown_field"),
        ({"trusted_device_days": 7, "account_id": "x"}, "", "unknown_field"),
    ],
)
async def test_an_invalid_field_is_named_and_nothing_is_changed(
    owner: SimulatedUser, body: Any, pointer: str, code: str
) -> None:
    before = await policy_seen_by(owner)

    problem = refused(await owner.browser.patch(PATH, json=body), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert await policy_seen_by(owner) == before


@pytest.mark.parametrize("body", [None, [], "x", 1])
async def test_a_body_that_is_no_object_is_refused(owner: SimulatedUser, body: Any) -> None:
    headers = {"Content-Type": "application/json"}

    answer = await owner.browser.patch(PATH, content=json.dumps(body), headers=headers)

    refused(answer, 422, "invalid_request")


async def test_one_account_changes_nothing_of_another(
    app: FastAPI, services: Services, tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    elsewhere = await make_tenant(app, services, clock)
    other = await elsewhere.signed_in(Role.OWNER)
    before = await policy_seen_by(other)

    await tenant.require(owner, team_members=True, end_users=True)

    assert await policy_seen_by(other) == before
    assert (await elsewhere.sign_in(await elsewhere.person()))["status"] == "complete"
