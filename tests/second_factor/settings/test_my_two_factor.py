"""What users see of their own second factor, and how often they choose to be asked for it."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import enrolled_because_required
from tests.support.account.times import on_the_wire

PATH = "/users/me/two-factor"


async def shown_to(person: SimulatedUser) -> dict[str, Any]:
    shown: dict[str, Any] = ok(await person.browser.get(PATH))
    return shown


async def test_two_factor_is_off_without_an_authenticator(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    assert await shown_to(person) == {
        "status": "off",
        "required_by_account": False,
        "turned_on_by_user": False,
        "passcode_frequency": "every_30_days",
        "authenticators": [],
        "recovery_codes_left": 0,
        "trusted_devices": 0,
        "last_passcode_at": None,
    }


async def test_two_factor_is_on_for_a_user_who_enrolled_voluntarily(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    enrolled_at = on_the_wire(tenant.clock.now())
    confirmed = await tenant.enroll(person)

    shown = await shown_to(person)

    assert shown == {
        "status": "on",
        "required_by_account": False,
        "turned_on_by_user": True,
        "passcode_frequency": "every_30_days",
        "authenticators": [
            {
                "id": confirmed["authenticator"]["id"],
                "kind": "totp",
                "label": "Phone",
                "created_at": enrolled_at,
                "last_used_at": enrolled_at,
            }
        ],
        "recovery_codes_left": 10,
        "trusted_devices": 0,
        "last_passcode_at": enrolled_at,
    }


async def test_the_secret_is_never_shown_again(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    answer = await person.browser.get(PATH)

    assert person.authenticator.secret.lower() not in answer.text.lower()
    assert not [code for code in person.recovery_codes if code in answer.text]


async def test_a_requirement_applies_only_to_its_group(tenant: Tenant, owner: SimulatedUser) -> None:
    agent, end_user = await tenant.signed_in(Role.AGENT), await tenant.signed_in(Role.END_USER)

    await tenant.require(owner, end_users=True)

    assert (await shown_to(end_user))["status"] == "setup_required"
    assert (await shown_to(end_user))["required_by_account"] is True
    assert (await shown_to(agent))["status"] == "off"
    assert (await shown_to(agent))["required_by_account"] is False


async def test_required_and_turned_on_are_shown_separately(tenant: Tenant, owner: SimulatedUser) -> None:
    willing = await tenant.enrolled()
    await tenant.step_up(owner)
    await tenant.require(owner, team_members=True)
    obliged = await enrolled_because_required(tenant)

    for person, turned_on in ((willing, True), (obliged, False)):
        shown = await shown_to(person)
        assert (shown["status"], shown["required_by_account"], shown["turned_on_by_user"]) == (
            "on",
            True,
            turned_on,
        )


async def test_enrolling_in_a_session_while_it_is_required_does_not_turn_it_on(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.signed_in()
    await tenant.require(owner, team_members=True)

    await tenant.enroll(person)

    assert (await shown_to(person))["turned_on_by_user"] is False


async def test_after_the_requirement_two_factor_is_off_for_users_who_had_to_enroll(tenant: Tenant) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    await tenant.require(owner, team_members=True)
    obliged = await enrolled_because_required(tenant)
    await tenant.step_up(owner)

    await tenant.require(owner, team_members=False)

    shown = await shown_to(obliged)
    assert (shown["status"], shown["required_by_account"]) == ("off", False)
    assert len(shown["authenticators"]) == 1
    assert (await shown_to(owner))["status"] == "on"


async def test_used_recovery_codes_are_not_counted_as_left(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    await tenant.pass_passcode(person, passcode=person.recovery_codes[3])

    assert (await shown_to(person))["recovery_codes_left"] == 9


async def test_only_unexpired_devices_count_as_trusted(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.enrolled(Role.END_USER)
    await tenant.pass_passcode(person)
    clock.turn(days=10)
    await tenant.pass_passcode(person, tenant.browser())
    person.browser.token = (await tenant.sign_in(person))["session"]["token"]
    assert (await shown_to(person))["trusted_devices"] == 2

    clock.turn(days=20)
    await tenant.pass_passcode(person, remember_device=False)

    assert (await shown_to(person))["trusted_devices"] == 1


async def test_no_device_counts_as_trusted_where_the_policy_trusts_none(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)

    ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": 0}))

    assert (await shown_to(person))["trusted_devices"] == 0


async def test_a_passcode_updates_last_passcode_at_and_a_password_does_not(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    passed_at = on_the_wire(clock.now())
    clock.turn(minutes=1)

    assert (await tenant.sign_in(person))["status"] == "complete"

    shown = await shown_to(person)
    assert shown["last_passcode_at"] == passed_at
    assert shown["authenticators"][0]["last_used_at"] == passed_at


async def test_a_recovery_code_is_a_passcode_but_not_a_use_of_the_authenticator(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    before = await shown_to(person)

    await tenant.pass_passcode(person, passcode=person.recovery_codes[0])

    after = await shown_to(person)
    assert after["last_passcode_at"] > before["last_passcode_at"]
    assert after["authenticators"] == before["authenticators"]


async def test_two_factor_settings_need_a_session(tenant: Tenant) -> None:
    refused(await tenant.browser().get(PATH), 401, "unauthenticated")


async def test_the_frequency_every_sign_in_revokes_only_the_users_own_devices(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    for trusting in (person, other):
        await tenant.pass_passcode(trusting)

    changed = ok(await person.browser.patch(PATH, json={"passcode_frequency": "every_sign_in"}))

    assert changed == await shown_to(person)
    assert (changed["passcode_frequency"], changed["trusted_devices"]) == ("every_sign_in", 0)
    assert (await shown_to(other))["passcode_frequency"] == "every_30_days"
    assert (await tenant.sign_in(person))["status"] == "passcode_required"
    assert (await tenant.sign_in(other))["status"] == "complete"


async def test_changing_the_frequency_back_does_not_restore_revoked_devices(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    ok(await person.browser.patch(PATH, json={"passcode_frequency": "every_sign_in"}))

    changed = ok(await person.browser.patch(PATH, json={"passcode_frequency": "every_30_days"}))

    assert (changed["passcode_frequency"], changed["trusted_devices"]) == ("every_30_days", 0)
    assert (await tenant.sign_in(person))["status"] == "passcode_required"


@pytest.mark.parametrize("body", [{}, {"passcode_frequency": "every_30_days"}])
async def test_a_patch_that_changes_nothing_leaves_trusted_devices_alone(tenant: Tenant, body: Any) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    before = await shown_to(person)
    assert before["trusted_devices"] == 1

    assert ok(await person.browser.patch(PATH, json=body)) == before
    assert await shown_to(person) == before


async def test_an_empty_patch_does_not_reset_the_frequency(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    ok(await person.browser.patch(PATH, json={"passcode_frequency": "every_sign_in"}))

    assert ok(await person.browser.patch(PATH, json={}))["passcode_frequency"] == "every_sign_in"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"passcode_frequency": None}, "/passcode_frequency", "not_allowed"),
        ({"passcode_frequency": "never"}, "/passcode_frequency", "not_allowed"),
        ({"passcode_frequency": 30}, "/passcode_frequency", "not_allowed"),
        ({"turned_on_by_user": False}, "", "unknown_field"),
        ({"passcode_frequency": "every_sign_in", "status": "off"}, "", "unknown_field"),
    ],
)
async def test_a_patch_with_anything_else_is_refused_and_changes_nothing(
    tenant: Tenant, body: Any, pointer: str, code: str
) -> None:
    person = await tenant.enrolled()
    before = await shown_to(person)

    problem = refused(await person.browser.patch(PATH, json=body), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert await shown_to(person) == before
