"""The code of a browser login works only with its cookie or its verifier (RFC 7636)."""

import asyncio
import base64
import hashlib
import secrets
from typing import Any

import httpx
import pytest

from app.main import create_app
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.browser_login import BrowserLogin
from tests.support.account.client import Client, client_of, ok, refused
from tests.support.account.saml_login import arrive, brought_back, post
from tests.support.account.services import with_changes
from tests.support.programs.oidc_provider import RETURN_TO, Issuer, name_issuer

EXCHANGE = "/sign-ins/exchange"
COOKIE = "passgate_exchange"


@pytest.fixture
async def login(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> BrowserLogin:
    await name_issuer(owner, issuer)
    return BrowserLogin(tenant)


def new_verifier() -> tuple[str, str]:
    """Return a verifier and its challenge, made as a front end makes them."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return verifier, challenge


async def exchange(browser: Client, code: str, **body: Any) -> httpx.Response:
    return await browser.post(EXCHANGE, json={"code": code} | body)


async def test_a_stolen_code_fails_in_another_browser_and_still_works_in_its_own(login: BrowserLogin) -> None:
    code = await login.code()

    for body in ({}, {"code_verifier": new_verifier()[0]}):
        refused(await exchange(login.tenant.browser(), code, **body), 401, "sign_in_expired")

    ok(await exchange(login.browser, code), 201)
    refused(await exchange(login.browser, code), 401, "sign_in_expired")


async def test_a_code_slipped_into_a_victim_s_browser_opens_no_session_of_the_attacker(
    login: BrowserLogin,
) -> None:
    attacker = BrowserLogin(login.tenant)
    theirs, mine = await attacker.code(), await login.code()

    refused(await exchange(login.browser, theirs), 401, "sign_in_expired")

    assert COOKIE in login.browser.cookies
    ok(await exchange(login.browser, mine), 201)


async def test_the_cookies_are_deleted_when_they_are_used(login: BrowserLogin) -> None:
    code = await login.code()
    assert list(login.browser.cookies) == [COOKIE]
    kept = login.browser.cookies[COOKIE]

    ok(await exchange(login.browser, code), 201)

    assert not login.browser.cookies
    headers = {"Cookie": f"{COOKIE}={kept}"}
    refused(
        await login.tenant.browser().post(EXCHANGE, json={"code": code}, headers=headers), 401, "sign_in_expired"
    )


@pytest.mark.parametrize("sent", ["{0}; {0}", "{0}x", "Passgate_exchange={1}", "passgate_sso={1}", ""])
async def test_a_doubled_or_altered_cookie_is_refused(login: BrowserLogin, sent: str) -> None:
    code = await login.code()
    kept = login.browser.cookies[COOKIE]
    headers = {"Cookie": sent.format(f"{COOKIE}={kept}", kept)}

    response = await login.tenant.browser().post(EXCHANGE, json={"code": code}, headers=headers)

    refused(response, 401, "sign_in_expired")


async def test_with_a_challenge_only_its_verifier_counts(login: BrowserLogin) -> None:
    verifier, challenge = new_verifier()
    code = await login.code(code_challenge=challenge, code_challenge_method="S256")
    assert not login.browser.cookies

    refused(await exchange(login.browser, code), 401, "sign_in_expired")
    for wrong in (new_verifier()[0], challenge, verifier.swapcase()):
        refused(await exchange(login.browser, code, code_verifier=wrong), 401, "sign_in_expired")

    elsewhere = login.tenant.browser()
    ok(await exchange(elsewhere, code, code_verifier=verifier), 201)
    refused(await exchange(elsewhere, code, code_verifier=verifier), 401, "sign_in_expired")


async def test_the_cookie_of_another_login_does_not_redeem_a_code_with_a_challenge(login: BrowserLogin) -> None:
    other = BrowserLogin(login.tenant)
    await other.code()
    _, challenge = new_verifier()
    code = await login.code(code_challenge=challenge)

    refused(await exchange(other.browser, code), 401, "sign_in_expired")


@pytest.mark.parametrize(
    "asked",
    [
        {"code_challenge": "short"},
        {"code_challenge": "a" * 44},
        {"code_challenge": "a" * 42 + "="},
        {"code_challenge": "a" * 43 + "\n"},
        {"code_challenge": ""},
        {"code_challenge": "a" * 43, "code_challenge_method": "plain"},
    ],
    ids=str,
)
async def test_an_invalid_challenge_begins_no_login(login: BrowserLogin, asked: dict[str, str]) -> None:
    response = await login.browser.get("/sso/issuer/login", params={"return_to": RETURN_TO} | asked)

    refused(response, 422, "invalid_request")
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 43 + "\n", "ä" * 43, "", 7])
async def test_a_malformed_verifier_does_not_use_the_code_up(login: BrowserLogin, verifier: Any) -> None:
    code = await login.code()

    refused(await exchange(login.browser, code, code_verifier=verifier), 422, "invalid_request")

    ok(await exchange(login.browser, code), 201)


@pytest.mark.parametrize("by_verifier", [False, True])
async def test_one_of_many_concurrent_exchanges_succeeds(login: BrowserLogin, *, by_verifier: bool) -> None:
    verifier, challenge = new_verifier()
    code = await (login.code(code_challenge=challenge) if by_verifier else login.code())
    kept = dict(login.browser.cookies)
    browsers = [login.tenant.browser() for _ in range(12)]
    for browser in browsers:
        browser.cookies.update(kept)
    body = {"code_verifier": verifier} if by_verifier else {}

    responses = await asyncio.gather(*(exchange(browser, code, **body) for browser in browsers))

    assert sorted(response.status_code for response in responses) == [201] + [401] * 11


async def test_a_code_ends_after_a_minute(login: BrowserLogin) -> None:
    code = await login.code()
    login.tenant.clock.turn(seconds=60)
    refused(await exchange(login.browser, code), 401, "sign_in_expired")


async def test_a_code_ends_with_a_change_of_its_provider(
    login: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    code = await login.code()
    await name_issuer(owner, issuer)
    refused(await exchange(login.browser, code), 401, "sign_in_expired")


async def test_a_code_of_a_saml_login_is_bound_as_well(tenant: Tenant, saml_owner: SimulatedUser) -> None:
    assert saml_owner.app
    browser = tenant.browser()
    _, code = brought_back(await post(browser, (await arrive(tenant, browser)).honest()))

    refused(await exchange(tenant.browser(), code), 401, "sign_in_expired")
    ok(await exchange(browser, code), 201)


async def test_by_https_the_cookie_is_bound_to_the_host(login: BrowserLogin) -> None:
    services = with_changes(login.tenant.services, public_url="https://auth.example.com")
    app = create_app(services)
    app.state.issuers = login.tenant.app.state.issuers  # may fetch from loopback; a public instance may not
    secured = BrowserLogin(login.tenant)
    secured.browser = client_of(app, login.tenant.account.slug, base_url="https://auth.example.com")

    response = await secured.come_back(await secured.log_in())

    _, cookie = response.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-passgate_exchange=pgx_")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=60"):
        assert attribute in cookie.split("; ")
    code = response.headers["location"].partition("#code=")[2]
    ok(await exchange(secured.browser, code), 201)
