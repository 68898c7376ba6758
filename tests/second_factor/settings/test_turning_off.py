"""Turning two-factor off: what is deleted, what is not, and who cannot turn it off."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import app_of, begin, confirm, enrolled_because_required
from tests.support.account.freshness import let_through_by_device, step_up_required

PATH = "/users/me/two-factor"


async def turn_off(person: SimulatedUser) -> None:
    assert ok(await person.browser.delete(PATH), 204) is None


async def test_authenticators_recovery_codes_and_trusted_devices_are_deleted(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)

    await turn_off(person)

    shown = ok(await person.browser.get(PATH))
    assert (shown["status"], shown["turned_on_by_user"], shown["authenticators"]) == ("off", False, [])
    assert (shown["recovery_codes_left"], shown["trusted_devices"]) == (0, 0)


async def test_the_next_sign_in_needs_no_passcode(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    await turn_off(person)

    assert (await tenant.sign_in(person, tenant.browser()))["status"] == "complete"


async def test_old_passcodes_and_codes_do_not_work_after_it_is_on_again(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)  # this browser has a device cookie now
    old_app, old_codes = person.authenticator, person.recovery_codes
    await turn_off(person)
    await tenant.enroll(person)

    waiting = await tenant.sign_in(person)

    assert waiting["status"] == "passcode_required"
    for old in (old_app.passcode(), old_codes[0], old_codes[9]):
        body = {"sign_in_token": waiting["sign_in_token"], "passcode": old}
        refused(await person.browser.post("/sign-ins/passcode", json=body), 401, "passcode_incorrect")


async def test_turning_off_ends_open_sign_ins(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    body = {"sign_in_token": await tenant.asked(person), "passcode": person.authenticator.passcode()}

    await turn_off(person)

    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "sign_in_expired")


async def test_an_enrollment_begun_before_cannot_be_confirmed(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    begun = await begin(person)

    await turn_off(person)

    answer = await confirm(person, begun, app_of(tenant, begun).passcode())
    refused(answer, 410, "enrollment_expired")
    assert ok(await person.browser.get(PATH))["authenticators"] == []


async def test_turning_off_affects_no_other_user(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    await tenant.pass_passcode(other)
    before = ok(await other.browser.get(PATH))

    await turn_off(person)

    assert ok(await other.browser.get(PATH)) == before
    assert before["trusted_devices"] == 1


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_it_cannot_be_turned_off_while_the_account_requires_it(tenant: Tenant, role: Role) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    group = "end_users" if role is Role.END_USER else "team_members"
    await tenant.require(owner, **{group: True})
    person = await enrolled_because_required(tenant, role)
    await tenant.pass_passcode(person)
    before = ok(await person.browser.get(PATH))

    refused(await person.browser.delete(PATH), 409, "two_factor_required")

    assert ok(await person.browser.get(PATH)) == before
    assert (before["status"], before["trusted_devices"], before["recovery_codes_left"]) == ("on", 1, 10)


async def test_it_can_be_turned_off_if_only_other_users_must_use_it(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.enrolled(Role.END_USER)
    await tenant.step_up(owner)
    await tenant.require(owner, team_members=True)
    await tenant.step_up(person)

    await turn_off(person)


async def test_the_owner_who_required_it_cannot_turn_it_off_for_themself(tenant: Tenant) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    await tenant.require(owner, team_members=True)

    refused(await owner.browser.delete(PATH), 409, "two_factor_required")


async def test_turning_off_needs_a_fresh_session(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.enrolled()
    clock.turn(minutes=10)
    before = ok(await person.browser.get(PATH))

    step_up_required(await person.browser.delete(PATH))

    assert ok(await person.browser.get(PATH)) == before
    assert before["status"] == "on"


async def test_a_session_by_device_cannot_turn_it_off(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant)

    step_up_required(await person.browser.delete(PATH))

    assert ok(await person.browser.get(PATH))["status"] == "on"


async def test_turning_off_when_it_is_off_is_no_error(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    await turn_off(person)

    assert ok(await person.browser.get(PATH))["status"] == "off"


async def test_turning_off_with_a_body_is_refused(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    answer = await person.browser.request("DELETE", PATH, json={"authenticators": []})

    refused(answer, 422, "invalid_request")
    assert ok(await person.browser.get(PATH))["status"] == "on"


async def test_the_old_secret_does_not_confirm_a_new_enrollment(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    old: AuthenticatorApp = person.authenticator
    await turn_off(person)
    begun = await begin(person)

    refused(await confirm(person, begun, old.next_passcode()), 401, "passcode_incorrect")
