"""The list of the user's own trusted devices (docs/api.md section 5)."""

from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.account.devices import device_token, is_asked, pass_passcode, trusted_person
from tests.support.account.variants import another_account

DEVICES = "/users/me/trusted-devices"


def id_of(token: str) -> str:
    return token.removeprefix("pgd_").split(".")[0]


async def test_a_device_is_listed_with_ip_and_user_agent_and_without_its_secret(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser(ip="192.0.2.7")
    browser.http.headers["User-Agent"] = "Some browser"
    response = await pass_passcode(tenant, person, browser)
    trusted_at = tenant.clock.now().isoformat().replace("+00:00", "Z")

    listed = await person.browser.get(DEVICES)

    [device] = ok(listed)["items"]
    assert ok(listed)["next_cursor"] is None
    assert device == {
        "id": response.json()["trusted_device"]["id"],
        "created_at": trusted_at,
        "last_used_at": None,
        "expires_at": response.json()["trusted_device"]["expires_at"],
        "ip": "192.0.2.7",
        "user_agent": "Some browser",
    }
    [secret] = [cookie.split(".")[1] for cookie in browser.cookies.values()]
    assert secret not in listed.text


async def test_the_list_says_when_a_device_was_last_used_to_sign_in(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    tenant.clock.turn(minutes=5)
    assert not await is_asked(tenant, person)
    used_at = tenant.clock.now().isoformat().replace("+00:00", "Z")
    tenant.clock.turn(minutes=5)
    refused(
        await person.browser.post("/sign-ins", json={"email": person.user.email, "password": "a wrong one"}),
        401,
        "invalid_credentials",
    )

    [device] = ok(await person.browser.get(DEVICES))["items"]

    assert device["last_used_at"] == used_at


async def test_revoking_one_device_leaves_the_others(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    laptop = tenant.browser()
    await pass_passcode(tenant, person, laptop)
    ids = [device["id"] for device in ok(await person.browser.get(DEVICES))["items"]]
    assert ids[1] == id_of(device_token(person))  # newest first

    ok(await person.browser.delete(f"{DEVICES}/{ids[0]}"), 204)

    assert await is_asked(tenant, person, laptop)
    assert not await is_asked(tenant, person)
    refused(await person.browser.delete(f"{DEVICES}/{ids[0]}"), 404, "not_found")


async def test_a_device_of_another_user_cannot_be_revoked_or_seen(tenant: Tenant) -> None:
    person, other = await trusted_person(tenant), await trusted_person(tenant)
    elsewhere = await trusted_person(await another_account(tenant))

    for theirs in (device_token(other), device_token(elsewhere)):
        missing = await person.browser.delete(f"{DEVICES}/0192f0c0-0000-7000-8000-000000000000")
        response = await person.browser.delete(f"{DEVICES}/{id_of(theirs)}")
        refused(response, 404, "not_found")
        assert response.content == missing.content
    ok(await person.browser.delete(DEVICES), 204)

    assert not await is_asked(tenant, other)
    assert ok(await person.browser.get(DEVICES))["items"] == []


async def test_a_device_token_is_no_credential(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    thief = tenant.browser()
    thief.http.cookies = person.browser.cookies

    for token in (None, device_token(person), device_token(person).split(".")[1]):
        thief.token = token
        for path in (DEVICES, "/session", "/users/me/two-factor"):
            refused(await thief.get(path), 401, "unauthenticated")
        refused(await thief.delete(DEVICES), 401, "unauthenticated")


async def test_the_list_comes_in_pages_newest_first(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    made = [
        (await pass_passcode(tenant, person, tenant.browser())).json()["trusted_device"]["id"] for _ in range(3)
    ]

    first = ok(await person.browser.get(DEVICES, params={"limit": 2}))
    rest = ok(await person.browser.get(DEVICES, params={"limit": 2, "cursor": first["next_cursor"]}))

    assert [device["id"] for device in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None
