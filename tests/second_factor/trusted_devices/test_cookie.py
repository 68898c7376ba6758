"""The device cookie as browsers see it (docs/api.md section 4)."""

import re

import httpx
import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok
from tests.support.account.devices import (
    cookie_name,
    cookies_set,
    device_token,
    is_asked,
    is_asked_with,
    pass_passcode,
    trusted_person,
)
from tests.support.account.sign_ins import credentials, submit
from tests.support.account.variants import over_https

TOKEN = re.compile(r"pgd_([0-9a-f-]{36})\.([A-Za-z0-9_-]{43})")
DAY = 86_400


async def test_over_http_the_cookie_has_exactly_these_attributes(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    response = await pass_passcode(tenant, person, person.browser)

    [cookie] = cookies_set(response)
    assert cookie.name == cookie_name(person)
    assert cookie.attributes == ["HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * DAY}"]
    found = TOKEN.fullmatch(cookie.value)
    assert found
    assert found[1] == response.json()["trusted_device"]["id"]


async def test_over_https_the_cookie_is_secure_and_bound_to_the_host(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    secured, browser = over_https(tenant)

    response = await pass_passcode(secured, person, browser)

    [cookie] = cookies_set(response)
    assert cookie.name == cookie_name(person, prefix="__Host-")
    assert cookie.attributes == ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * DAY}"]
    assert TOKEN.fullmatch(cookie.value)
    assert not await is_asked(secured, person, browser)


async def test_over_https_a_cookie_without_the_host_prefix_is_ignored(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    secured, browser = over_https(tenant)
    await pass_passcode(secured, person, browser)
    name = cookie_name(person, prefix="__Host-")
    value = browser.cookies.get(name)
    assert not await is_asked_with(secured, person, f"{name}={value}")

    for other in (
        cookie_name(person),
        name.lower(),
        name.replace("__Host-", "__Secure-"),
        f"_{name}",
        name.upper(),
    ):
        assert await is_asked_with(secured, person, f"{other}={value}"), other


async def test_over_http_a_cookie_with_the_host_prefix_is_ignored(tenant: Tenant) -> None:
    person = await trusted_person(tenant)

    assert await is_asked_with(tenant, person, f"__Host-{cookie_name(person)}={device_token(person)}")


async def test_the_response_shows_the_device_without_its_secret(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    response = await pass_passcode(tenant, person, person.browser)

    trusted = response.json()["trusted_device"]
    assert (set(trusted), trusted["token"]) == ({"id", "expires_at", "token"}, None)
    assert device_token(person).split(".")[1] not in response.text


async def test_a_trusted_browser_signs_in_by_password(tenant: Tenant) -> None:
    person = await trusted_person(tenant)

    response = await person.browser.post("/sign-ins", json=credentials(person))

    answer = ok(response, 201)
    assert set(answer) == {"status", "session", "user"}
    assert answer["session"]["amr"] == ["pwd"]
    assert cookies_set(response) == []  # the days of trust count from the passcode


@pytest.mark.parametrize("days", [1, 7, 29])
async def test_the_max_age_of_the_cookie_follows_the_policy(
    tenant: Tenant, owner: SimulatedUser, days: int
) -> None:
    ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": days}))
    person = await tenant.enrolled()

    response = await pass_passcode(tenant, person, person.browser)

    [cookie] = cookies_set(response)
    assert cookie.max_age == days * DAY


async def test_without_remember_device_no_device_is_trusted(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    response = await pass_passcode(tenant, person, person.browser, remember_device=False)

    assert response.json()["trusted_device"] is None
    assert cookies_set(response) == []
    assert ok(await person.browser.get("/users/me/trusted-devices"))["items"] == []
    assert await is_asked(tenant, person)


@pytest.mark.parametrize("remember", [{}, {"remember_device": True}, {"device_storage": "body"}])
async def test_a_recovery_code_makes_no_device_trusted(tenant: Tenant, remember: dict[str, object]) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person, person.browser)

    response = await submit(person.browser, token, person.recovery_codes[0], **remember)

    assert ok(response, 201)["trusted_device"] is None
    assert cookies_set(response) == []
    assert await is_asked(tenant, person)


async def test_a_wrong_passcode_makes_no_device_trusted(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person, person.browser)

    response = await submit(person.browser, token, person.authenticator.wrong_passcode())

    assert response.status_code == 401
    assert cookies_set(response) == []
    assert ok(await person.browser.get("/users/me/trusted-devices"))["items"] == []


async def test_a_new_trusted_device_has_a_new_secret_and_replaces_the_browsers_older_one(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await trusted_person(tenant)
    first = device_token(person)
    ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": 0}))
    token = await tenant.asked(person, person.browser)
    ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": 30}))

    ok(await submit(person.browser, token, person.authenticator.next_passcode()), 201)

    second = device_token(person)
    assert first.split(".")[0] != second.split(".")[0]
    assert first.split(".")[1] != second.split(".")[1]
    assert await is_asked_with(tenant, person, f"{cookie_name(person)}={first}")
    assert not await is_asked_with(tenant, person, f"{cookie_name(person)}={second}")
    assert len(ok(await person.browser.get("/users/me/trusted-devices"))["items"]) == 1


async def test_a_secret_chosen_by_the_client_never_becomes_trusted(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    planted = f"{cookie_name(person)}=pgd_0192f0c0-0000-7000-8000-000000000000.{'A' * 43}"
    browser = tenant.browser()
    token = await tenant.asked(person)

    response = await submit_with_cookie(browser, token, person.authenticator.next_passcode(), planted)

    [cookie] = cookies_set(response)
    assert "A" * 43 not in cookie.value
    assert "0192f0c0" not in cookie.value
    assert await is_asked_with(tenant, person, planted)
    assert not await is_asked_with(tenant, person, f"{cookie.name}={cookie.value}")


async def test_a_browser_that_sends_another_users_device_does_not_end_it(tenant: Tenant) -> None:
    person, other = await trusted_person(tenant), await trusted_person(tenant)
    stolen = f"{cookie_name(person)}={device_token(other)}"
    token = await tenant.asked(person)

    response = await submit_with_cookie(tenant.browser(), token, person.authenticator.next_passcode(), stolen)

    assert response.status_code == 201
    assert not await is_asked(tenant, other)


async def test_the_id_of_a_device_without_its_secret_ends_nothing(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    planted = f"{cookie_name(person)}={device_token(person).split('.')[0]}.{'A' * 43}"
    token = await tenant.asked(person)

    response = await submit_with_cookie(tenant.browser(), token, person.authenticator.next_passcode(), planted)

    assert response.status_code == 201
    assert not await is_asked(tenant, person)


async def submit_with_cookie(browser: Client, token: str, passcode: str, cookie: str) -> httpx.Response:
    body = {"sign_in_token": token, "passcode": passcode}
    return await browser.post("/sign-ins/passcode", json=body, headers={"Cookie": cookie})
