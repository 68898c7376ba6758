"""Suspending a user ends sessions, sign-ins, devices and tokens, and they stay ended."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.devices import is_asked, trusted_person
from tests.support.account.sign_ins import begin_demanded_enrollment, confirm, credentials, submit
from tests.support.observe.audit import AuditTrail


async def change_status(admin: SimulatedUser, person: SimulatedUser, status: str) -> dict[str, Any]:
    changed: dict[str, Any] = ok(await admin.browser.patch(f"/users/{person.id}", json={"status": status}))
    assert changed["status"] == status
    return changed


async def suspend(admin: SimulatedUser, person: SimulatedUser) -> None:
    await change_status(admin, person, "suspended")


async def reactivate(admin: SimulatedUser, person: SimulatedUser) -> None:
    await change_status(admin, person, "active")


async def test_a_suspension_ends_every_session_for_good(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()
    elsewhere = tenant.browser()
    await tenant.sign_in(person, elsewhere)

    await suspend(owner, person)
    for browser in (person.browser, elsewhere):
        refused(await browser.get("/session"), 401, "unauthenticated")

    await reactivate(owner, person)
    for browser in (person.browser, elsewhere):
        refused(await browser.get("/session"), 401, "unauthenticated")


async def test_a_suspended_users_password_is_answered_like_a_wrong_one(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.person()

    await suspend(owner, person)
    answer = await tenant.browser().post("/sign-ins", json=credentials(person))
    wrong = await tenant.browser().post("/sign-ins", json=credentials(person, password="not the one"))

    assert refused(answer, 401, "invalid_credentials") == refused(wrong, 401, "invalid_credentials")
    await reactivate(owner, person)
    assert (await tenant.sign_in(person))["status"] == "complete"


async def test_a_suspension_ends_a_pending_sign_in_for_good(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)

    await suspend(owner, person)
    answer = await submit(tenant.browser(), token, person.authenticator.next_passcode())
    refused(answer, 401, "sign_in_expired")

    await reactivate(owner, person)
    answer = await submit(tenant.browser(), token, person.authenticator.next_passcode())
    refused(answer, 401, "sign_in_expired")


async def test_a_suspension_ends_a_pending_enrollment_for_good(tenant: Tenant) -> None:
    owner, person = await tenant.enrolled(Role.OWNER), await tenant.person()
    await tenant.require(owner, team_members=True)
    begun = await begin_demanded_enrollment(tenant, person)

    await suspend(owner, person)
    await reactivate(owner, person)

    refused(await confirm(person.browser, begun, "123456"), 401, "sign_in_expired")


async def test_a_suspension_revokes_trusted_devices(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await trusted_person(tenant)
    assert not await is_asked(tenant, person)
    await tenant.step_up(owner)

    await suspend(owner, person)
    await reactivate(owner, person)

    assert await is_asked(tenant, person)
    assert ok(await owner.browser.get(f"/users/{person.id}/trusted-devices"))["items"] == []


async def test_api_tokens_work_only_while_their_user_is_active(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    script = await by_token(tenant, admin, "users:read")

    await suspend(owner, admin)
    refused(await script.get("/users"), 401, "unauthenticated")


async def test_password_access_of_a_suspended_user_is_refused(tenant: Tenant, owner: SimulatedUser) -> None:
    agent = await tenant.person()
    client = await by_password(tenant, agent, owner)
    ok(await client.get("/users"))

    await suspend(owner, agent)

    refused(await client.get("/users"), 401, "invalid_credentials")


async def test_the_authenticator_and_the_recovery_codes_stay(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.enrolled()
    await tenant.step_up(owner)

    await suspend(owner, person)
    await reactivate(owner, person)

    await tenant.pass_passcode(person)
    assert ok(await person.browser.get("/users/me/two-factor"))["recovery_codes_left"] == 10


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_an_admin_can_be_suspended_by_the_owner_and_by_another_admin(tenant: Tenant, role: Role) -> None:
    caller, admin = await tenant.signed_in(role), await tenant.signed_in(Role.ADMIN)

    await suspend(caller, admin)

    refused(await admin.browser.get("/session"), 401, "unauthenticated")


async def test_a_suspension_leaves_the_access_of_other_users(tenant: Tenant, owner: SimulatedUser) -> None:
    person, other = await tenant.signed_in(), await trusted_person(tenant)
    await tenant.step_up(owner)

    await suspend(owner, person)

    ok(await other.browser.get("/session"))
    assert not await is_asked(tenant, other)


async def test_suspending_again_changes_nothing(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()
    await suspend(owner, person)
    trail = AuditTrail(tenant)
    await trail.new()

    await suspend(owner, person)

    assert await trail.new() == []


async def test_a_suspension_is_recorded_with_what_it_ended(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await trusted_person(tenant)
    await tenant.step_up(owner)
    trail = AuditTrail(tenant)
    await trail.new()

    await suspend(owner, person)

    ended, revoked, changed = await trail.new()
    assert (ended.type, ended.details["sessions"]) == ("session.ended", 2)
    assert (revoked.type, revoked.details["devices"]) == ("trusted_device.revoked", 1)
    assert changed.type == "user.changed"
    assert changed.details == {"fields": ["status"], "old": {"status": "active"}, "new": {"status": "suspended"}}
    for event in (ended, revoked, changed):
        assert (event.actor_id, event.target_id) == (owner.user.id, person.user.id)


async def test_a_suspended_user_stays_in_the_directory(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()

    await suspend(owner, person)

    assert ok(await owner.browser.get(f"/users/{person.id}"))["status"] == "suspended"
    body = {"email": person.user.email, "name": "Another", "role": "agent"}
    refused(await owner.browser.post("/users", json=body), 409, "conflict")
    assert PASSWORD not in str(ok(await owner.browser.get("/users")))
