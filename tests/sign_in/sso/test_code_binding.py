"""The code that a browser brings back: good only with its cookie, or with its verifier (RFC 7636)."""

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
async def way(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> BrowserLogin:
    await name_issuer(owner, issuer)
    return BrowserLogin(tenant)


def new_verifier() -> tuple[str, str]:
    """Return a verifier and its challenge, as a front end makes them."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return verifier, challenge


async def exchange(browser: Client, code: str, **body: Any) -> httpx.Response:
    return await browser.post(EXCHANGE, json={"code": code} | body)


async def test_a_stolen_code_is_dead_in_another_browser_and_stays_good_in_its_own(way: BrowserLogin) -> None:
    code = await way.code()

    for body in ({}, {"code_verifier": new_verifier()[0]}):
        refused(await exchange(way.tenant.browser(), code, **body), 401, "sign_in_expired")

    ok(await exchange(way.browser, code), 201)
    refused(await exchange(way.browser, code), 401, "sign_in_expired")


async def test_a_code_slipped_into_a_victim_s_browser_opens_no_session_of_the_attacker(way: BrowserLogin) -> None:
    attacker = BrowserLogin(way.tenant)
    theirs, mine = await attacker.code(), await way.code()

    refused(await exchange(way.browser, theirs), 401, "sign_in_expired")

    assert COOKIE in way.browser.cookies
    ok(await exchange(way.browser, mine), 201)


async def test_the_cookies_end_when_they_are_used(way: BrowserLogin) -> None:
    code = await way.code()
    assert list(way.browser.cookies) == [COOKIE]
    kept = way.browser.cookies[COOKIE]

    ok(await exchange(way.browser, code), 201)

    assert not way.browser.cookies
    headers = {"Cookie": f"{COOKIE}={kept}"}
    refused(
        await way.tenant.browser().post(EXCHANGE, json={"code": code}, headers=headers), 401, "sign_in_expired"
    )


@pytest.mark.parametrize("sent", ["{0}; {0}", "{0}x", "Passgate_exchange={1}", "passgate_sso={1}", ""])
async def test_a_doubled_or_bent_cookie_is_none(way: BrowserLogin, sent: str) -> None:
    code = await way.code()
    kept = way.browser.cookies[COOKIE]
    headers = {"Cookie": sent.format(f"{COOKIE}={kept}", kept)}

    response = await way.tenant.browser().post(EXCHANGE, json={"code": code}, headers=headers)

    refused(response, 401, "sign_in_expired")


async def test_with_a_challenge_only_its_verifier_counts(way: BrowserLogin) -> None:
    verifier, challenge = new_verifier()
    code = await way.code(code_challenge=challenge, code_challenge_method="S256")
    assert not way.browser.cookies

    refused(await exchange(way.browser, code), 401, "sign_in_expired")
    for wrong in (new_verifier()[0], challenge, verifier.swapcase()):
        refused(await exchange(way.browser, code, code_verifier=wrong), 401, "sign_in_expired")

    elsewhere = way.tenant.browser()
    ok(await exchange(elsewhere, code, code_verifier=verifier), 201)
    refused(await exchange(elsewhere, code, code_verifier=verifier), 401, "sign_in_expired")


async def test_the_cookie_of_another_login_opens_no_code_with_a_challenge(way: BrowserLogin) -> None:
    other = BrowserLogin(way.tenant)
    await other.code()
    _, challenge = new_verifier()
    code = await way.code(code_challenge=challenge)

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
async def test_a_challenge_that_is_none_begins_no_login(way: BrowserLogin, asked: dict[str, str]) -> None:
    response = await way.browser.get("/sso/issuer/login", params={"return_to": RETURN_TO} | asked)

    refused(response, 422, "invalid_request")
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 43 + "\n", "ä" * 43, "", 7])
async def test_a_verifier_that_is_none_costs_nothing(way: BrowserLogin, verifier: Any) -> None:
    code = await way.code()

    refused(await exchange(way.browser, code, code_verifier=verifier), 422, "invalid_request")

    ok(await exchange(way.browser, code), 201)


@pytest.mark.parametrize("by_verifier", [False, True])
async def test_of_many_at_once_one_is_signed_in(way: BrowserLogin, *, by_verifier: bool) -> None:
    verifier, challenge = new_verifier()
    code = await (way.code(code_challenge=challenge) if by_verifier else way.code())
    kept = dict(way.browser.cookies)
    browsers = [way.tenant.browser() for _ in range(12)]
    for browser in browsers:
        browser.cookies.update(kept)
    body = {"code_verifier": verifier} if by_verifier else {}

    responses = await asyncio.gather(*(exchange(browser, code, **body) for browser in browsers))

    assert sorted(response.status_code for response in responses) == [201] + [401] * 11


async def test_a_code_ends_after_a_minute(way: BrowserLogin) -> None:
    code = await way.code()
    way.tenant.clock.turn(seconds=60)
    refused(await exchange(way.browser, code), 401, "sign_in_expired")


async def test_a_code_ends_with_a_change_of_its_provider(
    way: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    code = await way.code()
    await name_issuer(owner, issuer)
    refused(await exchange(way.browser, code), 401, "sign_in_expired")


async def test_a_code_of_saml_is_bound_as_well(tenant: Tenant, saml_owner: SimulatedUser) -> None:
    assert saml_owner.app
    browser = tenant.browser()
    _, code = brought_back(await post(browser, (await arrive(tenant, browser)).honest()))

    refused(await exchange(tenant.browser(), code), 401, "sign_in_expired")
    ok(await exchange(browser, code), 201)


async def test_by_https_the_cookie_is_bound_to_the_host(way: BrowserLogin) -> None:
    services = with_changes(way.tenant.services, public_url="https://auth.example.com")
    app = create_app(services)
    app.state.issuers = way.tenant.app.state.issuers  # which ask this machine: a public instance would not
    secured = BrowserLogin(way.tenant)
    secured.browser = client_of(app, way.tenant.account.slug, base_url="https://auth.example.com")

    response = await secured.come_back(await secured.log_in())

    _, cookie = response.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-passgate_exchange=pgx_")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=60"):
        assert attribute in cookie.split("; ")
    code = response.headers["location"].partition("#code=")[2]
    ok(await exchange(secured.browser, code), 201)
