"""What is recorded of sign-ins, sessions, devices, passwords and the policy, and what is not."""

from datetime import timedelta
from uuid import UUID

import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.enrolling import authenticator_ids
from tests.support.observe.audit import MOVED_TO, AuditTrail, is_by, move

TWO_FACTOR = "/users/me/two-factor"


@pytest.fixture
async def trail(tenant: Tenant) -> AuditTrail:
    return AuditTrail(tenant)


async def test_a_sign_in_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    await move(tenant, person)
    token = await tenant.asked(person, person.browser)
    assert await trail.new_types() == [
        "authenticator.added",
        "enrollment.begun",
        "sign_in.succeeded",
        "sign_in.waiting",
        "two_factor.turned_on",
    ]

    body = {"sign_in_token": token, "passcode": person.authenticator.next_passcode()}
    answer = ok(await person.browser.post("/sign-ins/passcode", json=body), 201)
    succeeded, trusted = await trail.new()
    assert (succeeded.type, succeeded.details) == ("sign_in.succeeded", {"amr": ["pwd", "otp"]})
    assert succeeded.target == ("session", UUID(answer["session"]["id"]))
    assert trusted.type == "trusted_device.added"
    assert trusted.target == ("trusted_device", UUID(answer["trusted_device"]["id"]))
    assert all(is_by(event, person, None) for event in (succeeded, trusted))

    await tenant.sign_in(person)
    [by_trusted_device] = await trail.new()
    assert by_trusted_device.type == "sign_in.succeeded"
    assert by_trusted_device.details == {"amr": ["pwd"], "trusted_device_id": answer["trusted_device"]["id"]}


@pytest.mark.parametrize("known", [True, False])
async def test_a_wrong_password_at_sign_in_is_recorded(tenant: Tenant, trail: AuditTrail, *, known: bool) -> None:
    person = await tenant.person()
    await move(tenant, person)
    email = person.user.email if known else "nobody@example.com"

    answer = await person.browser.post("/sign-ins", json={"email": email, "password": "not the password"})

    refused(answer, 401, "invalid_credentials")
    [failed] = await trail.new()
    assert (failed.type, failed.details) == ("sign_in.failed", {})
    assert (failed.actor_id, failed.credential, failed.ip) == (None, None, MOVED_TO)
    assert failed.target == (("user", person.user.id) if known else (None, None))


async def test_ended_sessions_are_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.signed_in()
    others = [await tenant.sign_in(person, tenant.browser()) for _ in range(3)]
    mine = ok(await person.browser.get("/session"))["session"]["id"]
    await move(tenant, person)
    await trail.new()

    ok(await person.browser.delete(f"/users/me/sessions/{others[0]['session']['id']}"), 204)
    [one] = await trail.new()
    assert (one.type, one.target) == ("session.ended", ("session", UUID(others[0]["session"]["id"])))
    ok(await person.browser.delete("/users/me/sessions"), 204)
    [rest] = await trail.new()
    assert (rest.type, rest.details["sessions"], rest.target) == ("session.ended", 2, ("user", person.user.id))
    ok(await person.browser.delete("/users/me/sessions"), 204)
    assert await trail.new() == []
    ok(await person.browser.delete("/session"), 204)
    [own] = await trail.new()
    assert (own.type, own.target) == ("session.ended", ("session", UUID(mine)))
    assert (one.details, own.details) == ({"because": "ended by the user"}, {"because": "signed out"})
    assert all(is_by(event, person) for event in (one, rest, own))


async def test_revoked_devices_are_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    for browser in (tenant.browser(), tenant.browser(), person.browser):
        await tenant.pass_passcode(person, browser)
    await move(tenant, person)
    devices = ok(await person.browser.get("/users/me/trusted-devices"))["items"]
    await trail.new()

    ok(await person.browser.delete(f"/users/me/trusted-devices/{devices[0]['id']}"), 204)
    [one] = await trail.new()
    assert (one.type, one.target) == ("trusted_device.revoked", ("trusted_device", UUID(devices[0]["id"])))
    ok(await person.browser.patch(TWO_FACTOR, json={"passcode_frequency": "every_sign_in"}))
    rest, _ = await trail.new()
    assert (rest.type, rest.details["devices"]) == ("trusted_device.revoked", 2)
    assert is_by(one, person)
    assert is_by(rest, person)


async def test_a_change_of_password_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.signed_in()
    await tenant.sign_in(person, tenant.browser())
    await move(tenant, person)
    await trail.new()

    body = {"current_password": PASSWORD, "new_password": "a brand new password"}
    ok(await person.browser.put("/users/me/password", json=body), 204)

    changed, ended = await trail.new()
    assert (changed.type, changed.details, ended.type) == ("password.changed", {}, "session.ended")
    assert changed.target == ended.target == ("user", person.user.id)
    assert is_by(changed, person)


async def test_a_change_of_policy_is_recorded(tenant: Tenant, owner: SimulatedUser, trail: AuditTrail) -> None:
    await move(tenant, owner)
    await trail.new()

    body = {"trusted_device_days": 7, "require_two_factor": {"end_users": True}}
    ok(await owner.browser.patch("/security-policy", json=body))

    [changed] = await trail.new()
    old, new = changed.details["old"], changed.details["new"]
    assert (changed.type, set(changed.details)) == ("policy.changed", {"old", "new"})
    assert {key: (old[key], new[key]) for key in old if old[key] != new[key]} == {
        "trusted_device_days": (30, 7),
        "require_end_users": (False, True),
        "version": (1, 2),
    }
    assert old.keys() == new.keys()
    assert is_by(changed, owner)


async def test_a_refusal_because_of_the_role_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled(Role.END_USER)
    await move(tenant, person)
    await trail.new()

    refused(await person.browser.patch("/security-policy", json={}), 403, "forbidden")

    [denied] = await trail.new()
    assert denied.type == "access.denied"
    assert (denied.details["method"], denied.details["route"]) == ("PATCH", "/security-policy")
    assert is_by(denied, person)


async def test_a_refused_action_is_not_recorded_as_done(tenant: Tenant, trail: AuditTrail) -> None:
    owner, other = await tenant.enrolled(Role.OWNER), await tenant.enrolled()
    await tenant.require(owner, team_members=True)
    browser, [mine], [foreign] = owner.browser, await authenticator_ids(owner), await authenticator_ids(other)
    await trail.new()

    refused(await browser.delete(TWO_FACTOR), 409, "two_factor_required")
    refused(await browser.delete(f"{TWO_FACTOR}/authenticators/{mine}"), 409, "last_authenticator")
    refused(await browser.delete(f"{TWO_FACTOR}/authenticators/{foreign}"), 404, "not_found")
    refused(
        await browser.patch("/security-policy", json={"api_password_access": True}), 409, "two_factor_required"
    )
    refused(await browser.put("/users/me/password", json={}), 422, "invalid_request")
    tenant.clock.turn(minutes=11)
    refused(await browser.post(f"{TWO_FACTOR}/recovery-codes"), 401, "step_up_required")

    assert await trail.new() == []


async def test_an_account_records_nothing_of_another(tenant: Tenant, trail: AuditTrail) -> None:
    await tenant.enrolled()
    begun_at = tenant.clock.now()

    events = await trail.new()

    assert len({event.id for event in events}) == len(events) == 4
    assert all(begun_at - timedelta(minutes=1) <= event.at <= begun_at for event in events)
