"""Apps without cookies store the device token themselves (docs/api.md section 4)."""

import re

import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import Client, ok, refused
from tests.support.account.devices import cookies_set, pass_passcode
from tests.support.account.sign_ins import begin_demanded_enrollment, confirm, credentials, submit

TOKEN = re.compile(r"pgd_([0-9a-f-]{36})\.([A-Za-z0-9_-]{43})")
IN_BODY = {"device_storage": "body"}
ORIGINS = ["https://app.example.com", "http://127.0.0.1:8000", "null", ""]


async def status_with(browser: Client, person: SimulatedUser, token: object) -> str:
    body = credentials(person) | {"device_token": token}
    return str(ok(await browser.post("/sign-ins", json=body), 201)["status"])


async def test_the_token_comes_in_the_body_and_no_cookie_is_set(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    native = tenant.browser()

    response = await pass_passcode(tenant, person, native, **IN_BODY)

    device = response.json()["trusted_device"]
    assert set(device) == {"id", "expires_at", "token"}
    found = TOKEN.fullmatch(device["token"])
    assert found
    assert found[1] == device["id"]
    assert cookies_set(response) == []
    assert await status_with(tenant.browser(), person, device["token"]) == "complete"
    assert (await tenant.sign_in(person, native))["status"] == "passcode_required"  # the token was not sent


async def test_the_token_of_an_enrollment_at_sign_in_comes_in_the_body_too(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await tenant.require(owner, team_members=True)
    person = await tenant.person()
    begun = await begin_demanded_enrollment(tenant, person)
    app = AuthenticatorApp(begun["secret"], tenant.clock)

    response = await confirm(person.browser, begun, app.passcode(), **IN_BODY)

    token = ok(response, 201)["trusted_device"]["token"]
    assert cookies_set(response) == []
    assert await status_with(tenant.browser(), person, token) == "complete"


async def test_a_session_by_device_token_shows_only_a_password(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = (await pass_passcode(tenant, person, tenant.browser(), **IN_BODY)).json()["trusted_device"]["token"]

    answer = await tenant.sign_in(person, tenant.browser(), device_token=token)

    assert (answer["session"]["amr"], answer["session"]["assurance"]) == (["pwd"], "aal1")


@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_web_page_gets_no_token_in_the_body(tenant: Tenant, origin: str) -> None:
    person = await tenant.enrolled()
    token, passcode = await tenant.asked(person), person.authenticator.next_passcode()
    body = {"sign_in_token": token, "passcode": passcode} | IN_BODY

    response = await tenant.browser().post("/sign-ins/passcode", json=body, headers={"Origin": origin})

    problem = refused(response, 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/device_storage"]
    assert cookies_set(response) == []
    ok(await submit(tenant.browser(), token, passcode), 201)  # nothing was used up


@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_web_page_gets_no_token_in_the_body_when_it_enrolls(
    tenant: Tenant, owner: SimulatedUser, origin: str
) -> None:
    await tenant.require(owner, team_members=True)
    person = await tenant.person()
    begun = await begin_demanded_enrollment(tenant, person)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    body = {"sign_in_token": begun["sign_in_token"], "passcode": app.passcode()} | IN_BODY
    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"

    response = await tenant.browser().post(path, json=body, headers={"Origin": origin})

    problem = refused(response, 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/device_storage"]
    ok(await confirm(tenant.browser(), begun, app.passcode()), 201)


async def test_a_web_page_gets_a_cookie(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    body = {"sign_in_token": await tenant.asked(person), "passcode": person.authenticator.next_passcode()}
    headers = {"Origin": "https://app.example.com"}

    response = await tenant.browser().post("/sign-ins/passcode", json=body, headers=headers)

    assert len(cookies_set(response)) == 1
    assert ok(response, 201)["trusted_device"]["token"] is None


@pytest.mark.parametrize("storage", ["header", "COOKIE", "", None, 1, True, ["body"]])
async def test_an_unknown_device_storage_is_refused(tenant: Tenant, storage: object) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)

    response = await submit(tenant.browser(), token, person.authenticator.next_passcode(), device_storage=storage)

    assert refused(response, 422, "invalid_request")["errors"][0]["pointer"] == "/device_storage"


async def test_without_remember_device_no_token_is_returned(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    response = await pass_passcode(tenant, person, tenant.browser(), remember_device=False, **IN_BODY)

    assert response.json()["trusted_device"] is None
    assert cookies_set(response) == []


async def test_an_altered_or_foreign_device_token_is_ignored(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    token = (await pass_passcode(tenant, person, tenant.browser(), **IN_BODY)).json()["trusted_device"]["token"]
    theirs = (await pass_passcode(tenant, other, tenant.browser(), **IN_BODY)).json()["trusted_device"]["token"]

    for wrong in ("", "x", f" {token}", f"{token}\n", token[:-1], token + "A", token.upper(), theirs, token[4:]):
        assert await status_with(tenant.browser(), person, wrong) == "passcode_required", wrong
    crossed = f"{token.split('.')[0]}.{theirs.split('.')[1]}"
    assert await status_with(tenant.browser(), person, crossed) == "passcode_required"
    assert await status_with(tenant.browser(), person, None) == "passcode_required"

    assert await status_with(tenant.browser(), person, token) == "complete"


@pytest.mark.parametrize("token", [1, True, ["pgd_"], {"token": "pgd_"}, "x" * 257])
async def test_a_device_token_of_wrong_type_or_size_is_refused(tenant: Tenant, token: object) -> None:
    person = await tenant.enrolled()

    response = await tenant.browser().post("/sign-ins", json=credentials(person) | {"device_token": token})

    assert refused(response, 422, "invalid_request")["errors"][0]["pointer"] == "/device_token"


async def test_a_device_token_does_not_replace_the_password(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = (await pass_passcode(tenant, person, tenant.browser(), **IN_BODY)).json()["trusted_device"]["token"]

    body = credentials(person, password="a wrong password", device_token=token)

    refused(await tenant.browser().post("/sign-ins", json=body), 401, "invalid_credentials")
    del body["password"]
    refused(await tenant.browser().post("/sign-ins", json=body), 422, "invalid_request")
