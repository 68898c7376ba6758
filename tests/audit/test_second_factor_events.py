"""Events of a user's second factor: each action once, with actor, target, IP and request id."""

from uuid import UUID

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.enrolling import app_of, authenticator_ids, begin, confirm
from tests.support.account.sign_ins import submit
from tests.support.observe.audit import AuditTrail, is_by, move

TWO_FACTOR = "/users/me/two-factor"


@pytest.fixture
async def trail(tenant: Tenant) -> AuditTrail:
    return AuditTrail(tenant)


async def test_an_enrollment_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.signed_in()
    await tenant.sign_in(person, tenant.browser())
    await move(tenant, person)
    await trail.new()

    begun = await begin(person)
    [event] = await trail.new()
    assert (event.type, event.details, event.at) == ("enrollment.begun", {"kind": "totp"}, tenant.clock.now())
    assert event.target == ("enrollment", UUID(begun["id"]))
    assert is_by(event, person)

    app = app_of(tenant, begun)
    refused(await confirm(person, begun, app.wrong_passcode()), 401, "passcode_incorrect")
    [event] = await trail.new()
    assert (event.type, event.details) == (
        "passcode.failed",
        {"at": "enrollment", "failures": 1, "void": False},
    )
    assert event.target == ("enrollment", UUID(begun["id"]))
    assert is_by(event, person)

    ok(await confirm(person, begun, app.passcode()), 201)
    added, ended, turned_on = await trail.new()
    [authenticator] = await authenticator_ids(person)
    assert (added.type, added.details) == ("authenticator.added", {"kind": "totp"})
    assert added.target == ("authenticator", UUID(authenticator))
    assert (ended.type, ended.details["sessions"]) == ("session.ended", 1)
    assert turned_on.type == "two_factor.turned_on"
    assert ended.target == turned_on.target == ("user", person.user.id)
    assert all(is_by(event, person) for event in (added, ended, turned_on))


async def test_adding_and_removing_an_authenticator_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    await move(tenant, person)
    begun = await begin(person)
    await trail.new()

    ok(await confirm(person, begun, app_of(tenant, begun).passcode()), 201)
    assert await trail.new_types() == ["authenticator.added"]

    tenant.clock.turn(seconds=30)
    first, _ = await authenticator_ids(person)
    ok(await person.browser.delete(f"{TWO_FACTOR}/authenticators/{first}"), 204)
    [removed] = await trail.new()
    assert (removed.type, removed.target) == ("authenticator.removed", ("authenticator", UUID(first)))
    assert is_by(removed, person)


async def test_a_required_enrollment_is_not_recorded_as_turned_on(
    tenant: Tenant, owner: SimulatedUser, trail: AuditTrail
) -> None:
    person = await tenant.signed_in()
    await tenant.require(owner, team_members=True)
    begun = await begin(person)
    await trail.new()

    ok(await confirm(person, begun, app_of(tenant, begun).passcode()), 201)
    assert await trail.new_types() == ["authenticator.added"]

    ok(await person.browser.put(f"{TWO_FACTOR}/turned-on"))
    assert await trail.new_types() == ["two_factor.turned_on"]
    ok(await person.browser.put(f"{TWO_FACTOR}/turned-on"))
    assert await trail.new() == []


async def test_turning_two_factor_off_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    await move(tenant, person)
    [authenticator] = await authenticator_ids(person)
    await trail.new()

    ok(await person.browser.delete(TWO_FACTOR), 204)

    removed, revoked, off = await trail.new()
    assert (removed.type, removed.target) == ("authenticator.removed", ("authenticator", UUID(authenticator)))
    assert (revoked.type, revoked.details["devices"]) == ("trusted_device.revoked", 1)
    assert off.type == "two_factor.turned_off"
    assert off.target == revoked.target == ("user", person.user.id)
    assert all(is_by(event, person) for event in (removed, revoked, off))
    ok(await person.browser.delete(TWO_FACTOR), 204)
    assert await trail.new() == []


async def test_renewing_ones_own_recovery_codes_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    await move(tenant, person)
    await trail.new()

    ok(await person.browser.post(f"{TWO_FACTOR}/recovery-codes"), 201)

    [renewed] = await trail.new()
    assert (renewed.type, renewed.target) == ("recovery_codes.regenerated", ("user", person.user.id))
    assert renewed.details == {}
    assert is_by(renewed, person)


async def test_the_use_of_a_recovery_code_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    await trail.new()

    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]}))

    used, stepped_up, revoked = await trail.new()
    assert (stepped_up.type, stepped_up.details) == ("session.stepped_up", {"method": "recovery_code"})
    assert (used.type, used.details) == ("recovery_code.used", {"recovery_codes_left": 9})
    assert revoked.type == "trusted_device.revoked"
    assert used.actor_id == person.user.id
    assert used.target == ("user", person.user.id)


async def test_wrong_used_and_too_many_passcodes_at_step_up_are_recorded(
    tenant: Tenant, trail: AuditTrail
) -> None:
    person = await tenant.enrolled()
    session_id = ok(await person.browser.get("/session"))["session"]["id"]
    used = {"passcode": person.authenticator.passcode(-1)}
    wrong = {"passcode": person.authenticator.wrong_passcode()}
    await move(tenant, person)
    await trail.new()

    refused(await person.browser.post("/session/step-up", json=used), 401, "passcode_already_used")
    [replayed] = await trail.new()
    counted = {"at": "step_up", "session_id": session_id, "failures_in_a_row": 1}
    assert (replayed.type, replayed.details) == ("passcode.replayed", counted)
    for failures in (2, 3, 4):
        refused(await person.browser.post("/session/step-up", json=wrong), 401, "passcode_incorrect")
        [failed] = await trail.new()
        assert (failed.type, failed.details) == ("passcode.failed", counted | {"failures_in_a_row": failures})
    refused(await person.browser.post("/session/step-up", json=wrong), 401, "passcode_incorrect")
    failed, locked, ended = await trail.new()
    assert (locked.type, locked.details) == (
        "passcode.locked",
        {"at": "step_up", "seconds": 30, "disabled": False},
    )
    assert failed.target == locked.target == replayed.target == ("user", person.user.id)
    assert (ended.type, ended.target) == ("session.ended", ("session", UUID(session_id)))
    assert ended.details == {"because": "too many step-ups failed in it"}
    assert all(is_by(event, person) for event in (replayed, failed, locked, ended))

    refused(await person.browser.post("/session/step-up", json=wrong), 401, "unauthenticated")
    assert await trail.new() == []


async def test_wrong_used_and_too_many_passcodes_at_sign_in_are_recorded(
    tenant: Tenant, trail: AuditTrail
) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    used, wrong = person.authenticator.passcode(-1), person.authenticator.wrong_passcode()
    await trail.new()

    refused(await submit(tenant.browser(), token, used), 401, "passcode_already_used")
    [replayed] = await trail.new()
    assert (replayed.type, replayed.details) == ("passcode.replayed", {"at": "sign_in", "failures_in_a_row": 1})
    for _ in range(4):
        refused(await submit(tenant.browser(), token, wrong), 401, "passcode_incorrect")
    *failed, locked = await trail.new()
    assert {event.details["failures_in_a_row"] for event in failed} == {2, 3, 4, 5}
    assert (locked.type, locked.details) == (
        "passcode.locked",
        {"at": "sign_in", "seconds": 30, "disabled": False},
    )
    assert {event.actor_id for event in (replayed, *failed, locked)} == {person.user.id}

    refused(await submit(tenant.browser(), token, wrong), 429, "too_many_attempts")
    assert await trail.new() == []


async def test_a_step_up_by_passcode_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    session_id = ok(await person.browser.get("/session"))["session"]["id"]
    await move(tenant, person)
    await trail.new()

    await tenant.step_up(person)

    [proven] = await trail.new()
    assert (proven.type, proven.details) == ("session.stepped_up", {"method": "otp"})
    assert proven.target == ("session", UUID(session_id))
    assert is_by(proven, person)


async def test_renaming_an_authenticator_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    [authenticator] = await authenticator_ids(person)
    await move(tenant, person)
    await trail.new()

    for label in ("Tablet", "Tablet"):
        ok(await person.browser.patch(f"{TWO_FACTOR}/authenticators/{authenticator}", json={"label": label}))

    [renamed] = await trail.new()
    assert (renamed.type, renamed.details) == ("authenticator.renamed", {"old": "Phone", "new": "Tablet"})
    assert renamed.target == ("authenticator", UUID(authenticator))
    assert is_by(renamed, person)


async def test_a_change_of_passcode_frequency_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    await move(tenant, person)
    await trail.new()

    for old, new in (("every_30_days", "every_sign_in"), ("every_sign_in", "every_30_days")):
        for _ in range(2):
            ok(await person.browser.patch(TWO_FACTOR, json={"passcode_frequency": new}))
        [changed] = await trail.new()
        assert (changed.type, changed.details) == ("two_factor.frequency_changed", {"old": old, "new": new})
        assert changed.target == ("user", person.user.id)
        assert is_by(changed, person)


async def test_an_attempt_to_turn_off_another_users_two_factor_is_recorded(
    tenant: Tenant, trail: AuditTrail
) -> None:
    owner, person = await tenant.enrolled(Role.OWNER), await tenant.enrolled()
    await move(tenant, owner)
    await trail.new()

    for user_id, recorded in ((person.id, ("user", person.user.id)), ("somebody", (None, None))):
        answer = await owner.browser.delete(f"/users/{user_id}/two-factor")
        refused(answer, 403, "only_the_user_can_turn_off")
        [denied] = await trail.new()
        assert (denied.type, denied.target) == ("access.denied", recorded)
        assert denied.details == {"code": "only_the_user_can_turn_off"}
        assert is_by(denied, owner)
