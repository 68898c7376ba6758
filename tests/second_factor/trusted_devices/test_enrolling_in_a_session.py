"""The browser or app that confirms an enrollment in a session becomes a trusted device."""

from typing import Any

import httpx
import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.devices import cookie_name, cookies_set, is_asked
from tests.support.account.enrolling import ENROLLMENTS, app_of, begin, confirm
from tests.support.account.sign_ins import credentials
from tests.support.account.times import on_the_wire
from tests.support.account.variants import over_https
from tests.support.observe.audit import AuditTrail
from tests.support.observe.jobs import letters

DEVICES = "/users/me/trusted-devices"


async def enroll(tenant: Tenant, person: SimulatedUser, **body: Any) -> httpx.Response:
    """Enroll in the person's session; with an empty `body` nothing but the passcode is sent."""
    begun = await begin(person)
    person.app = app_of(tenant, begun)
    path = f"{ENROLLMENTS}/{begun['id']}/confirmation"
    response = await person.browser.post(path, json={"passcode": person.app.passcode()} | body)
    assert response.status_code == 201, response.text
    tenant.clock.turn(seconds=30)
    return response


async def test_the_browser_that_confirms_is_not_asked_at_its_next_sign_in(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    now = tenant.clock.now()

    response = await enroll(tenant, person)

    [cookie] = cookies_set(response)
    [device] = ok(await person.browser.get(DEVICES))["items"]
    shown = {"id": device["id"], "expires_at": device["expires_at"], "token": None}
    assert response.json()["trusted_device"] == shown
    assert response.json()["not_trusted_because"] is None
    assert device["created_at"] == on_the_wire(now)
    assert cookie.name == cookie_name(person)
    assert cookie.max_age == 30 * 86_400
    assert not await is_asked(tenant, person)
    assert await is_asked(tenant, person, tenant.browser())


async def test_a_device_that_is_trusted_by_an_enrollment_is_recorded_and_told(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    trail = AuditTrail(tenant)
    await trail.new()
    await letters(tenant)

    response = await enroll(tenant, person)

    [event] = [event for event in await trail.new() if event.type == "trusted_device.added"]
    assert str(event.target_id) == response.json()["trusted_device"]["id"]
    assert (event.actor_id, event.credential) == (person.user.id, "session")
    kinds = {letter["kind"]: letter["to"] for letter in await letters(tenant)}
    assert kinds == dict.fromkeys(("two_factor_turned_on", "trusted_device_added"), person.user.email)


async def test_a_further_authenticator_leaves_only_the_confirming_browser_trusted(tenant: Tenant) -> None:
    person, elsewhere = await tenant.enrolled(), tenant.browser()
    await tenant.pass_passcode(person)
    await tenant.pass_passcode(person, elsewhere)

    await enroll(tenant, person)

    assert not await is_asked(tenant, person)
    assert await is_asked(tenant, person, elsewhere)


async def test_without_remember_device_the_browser_is_asked(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    await letters(tenant)

    response = await enroll(tenant, person, remember_device=False)

    assert_not_trusted(response, "not_asked")
    assert [letter["kind"] for letter in await letters(tenant)] == ["two_factor_turned_on"]
    assert await is_asked(tenant, person)


async def test_a_user_who_wants_a_passcode_at_every_sign_in_trusts_no_device(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    ok(await person.browser.patch("/users/me/two-factor", json={"passcode_frequency": "every_sign_in"}))

    assert_not_trusted(await enroll(tenant, person), "every_sign_in")


async def test_an_account_without_trusted_devices_trusts_none(tenant: Tenant, owner: SimulatedUser) -> None:
    ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": 0}))

    assert_not_trusted(await enroll(tenant, await tenant.signed_in()), "policy")


async def test_the_account_decides_for_how_many_days(tenant: Tenant, owner: SimulatedUser) -> None:
    ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": 7}))

    [cookie] = cookies_set(await enroll(tenant, await tenant.signed_in()))

    assert cookie.max_age == 7 * 86_400


async def test_a_wrong_passcode_trusts_nothing(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)

    response = await confirm(person, begun, app_of(tenant, begun).wrong_passcode(), remember_device=True)

    refused(response, 401, "passcode_incorrect")
    assert cookies_set(response) == []
    assert ok(await person.browser.get(DEVICES))["items"] == []


async def test_a_native_client_gets_the_token_in_the_body(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    response = await enroll(tenant, person, device_storage="body")

    device = response.json()["trusted_device"]
    assert set(device) == {"id", "expires_at", "token"}
    assert cookies_set(response) == []
    body = credentials(person) | {"device_token": device["token"]}
    assert ok(await tenant.browser().post("/sign-ins", json=body), 201)["status"] == "complete"


@pytest.mark.parametrize("origin", ["https://app.example.com", "null", ""])
async def test_a_web_page_gets_no_token_in_the_body_and_uses_nothing_up(tenant: Tenant, origin: str) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    passcode = app_of(tenant, begun).passcode()

    response = await confirm(person, begun, passcode, headers={"Origin": origin}, device_storage="body")

    problem = refused(response, 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/device_storage"]
    ok(await confirm(person, begun, passcode), 201)


async def test_behind_https_the_cookie_has_its_prefix(tenant: Tenant) -> None:
    person = await tenant.person()
    secured, browser = over_https(tenant)
    person.browser = browser
    await secured.sign_in(person)

    [cookie] = cookies_set(await enroll(secured, person))

    assert cookie.name == cookie_name(person, prefix="__Host-")
    assert "Secure" in cookie.attributes


async def test_the_trust_does_not_make_another_users_sign_in_easier(tenant: Tenant) -> None:
    person, other = await tenant.signed_in(), await tenant.enrolled()
    await enroll(tenant, person)
    shared: Client = person.browser

    assert await is_asked(tenant, other, shared)


def assert_not_trusted(response: httpx.Response, because: str) -> None:
    """Assert that the answer says why the device is not trusted, and sets no cookie."""
    answer = response.json()
    assert (answer["trusted_device"], answer["not_trusted_because"]) == (None, because)
    assert cookies_set(response) == []
