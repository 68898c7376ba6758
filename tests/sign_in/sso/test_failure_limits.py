"""The limit on failed SSO sign-ins per address; beyond it nothing is judged or recorded."""

import httpx
import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.browser_login import BrowserLogin
from tests.support.account.client import ok, refused
from tests.support.account.saml_login import arrive, begin, brought_back, post
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql
from tests.support.programs.oidc_provider import Issuer, asked_nonce, id_token_sign_in, name_issuer

JWT_PATH, OIDC_PATH = "/sign-ins/jwt", "/sign-ins/oidc"
FORGED = jwt_sign_in("a.forged.token")


async def fill(tenant: Tenant, failures: int = 100, *, provider: str = "intranet") -> None:
    """Let forged tokens fail at a provider, from the default address of test browsers."""
    path = JWT_PATH if provider == "intranet" else OIDC_PATH
    body = FORGED if provider == "intranet" else id_token_sign_in("a.forged.token", "x", provider)
    browser = tenant.browser()
    for _ in range(failures):
        refused(await browser.post(path, json=body), 401, "invalid_credentials")


def limited(response: httpx.Response) -> int:
    refused(response, 429, "too_many_requests")
    return int(response.headers["retry-after"])


async def test_after_a_hundred_failures_not_even_a_right_token_is_judged(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await name_provider(owner, "other")
    trail = AuditTrail(tenant)
    await trail.new()
    await fill(tenant)
    right = token_of(tenant)

    for body in [FORGED] * 20 + [jwt_sign_in(right)]:
        wait = limited(await tenant.browser().post(JWT_PATH, json=body))

    failed = [event for event in await trail.new() if event.type == "sign_in.failed"]
    assert len(failed) == 100
    ok(await tenant.browser(ip="203.0.113.9").post(JWT_PATH, json=jwt_sign_in(token_of(tenant))), 201)
    ok(await tenant.browser().post(JWT_PATH, json=jwt_sign_in(token_of(tenant), "other")), 201)
    assert 1 <= wait <= 6
    tenant.clock.turn(seconds=wait)
    ok(await tenant.browser().post(JWT_PATH, json=jwt_sign_in(right)), 201)  # it was not used up


async def test_a_success_does_not_count_and_clears_nothing(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.app
    await fill(tenant, 99)
    for _ in range(20):
        ok(await tenant.browser().post(JWT_PATH, json=jwt_sign_in(token_of(tenant))), 201)
    await fill(tenant, 1)

    limited(await tenant.browser().post(JWT_PATH, json=jwt_sign_in(token_of(tenant))))


async def test_a_forbidden_sign_in_counts_as_a_failure(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner, create_users=False)
    for _ in range(100):
        response = await tenant.browser().post(JWT_PATH, json=jwt_sign_in(token_of(tenant)))
        refused(response, 403, "forbidden")

    limited(await tenant.browser().post(JWT_PATH, json=jwt_sign_in(token_of(tenant))))


async def test_an_unknown_provider_makes_no_bucket(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.app
    query = "SELECT count(*) FROM password_limits WHERE account_id = :account"
    before = await run_sql(tenant, query)
    for number in range(5):
        body = jwt_sign_in("a.b.c", f"unknown-{number}")
        refused(await tenant.browser().post(JWT_PATH, json=body), 404, "not_found")

    assert await run_sql(tenant, query) == before


async def test_id_tokens_are_limited_and_an_unreachable_issuer_does_not_count(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    await name_issuer(owner, issuer, "silent", issuer="http://127.0.0.1:1")
    nonce = await asked_nonce(tenant.browser())
    body = id_token_sign_in(issuer.id_token(nonce), nonce, "silent")
    for _ in range(101):
        refused(await tenant.browser().post(OIDC_PATH, json=body), 503, "unavailable")

    await fill(tenant, provider="issuer")

    limited(await tenant.browser().post(OIDC_PATH, json=id_token_sign_in(issuer.id_token(nonce), nonce)))


async def test_a_browser_that_comes_back_is_limited_and_keeps_its_login(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    login = BrowserLogin(tenant)
    address = await login.log_in()
    await fill(tenant, provider="issuer")

    wait = limited(await login.come_back(address))

    tenant.clock.turn(seconds=wait)
    assert (await login.come_back(address)).status_code == 303


@pytest.mark.usefixtures("saml_owner")
async def test_saml_answers_are_limited(tenant: Tenant) -> None:
    browser = tenant.browser()
    for _ in range(100):
        await begin(browser)
        assert brought_back(await post(browser, "bm8gWE1M")) == ("error", "invalid_credentials")
    provider = await arrive(tenant, browser)

    wait = limited(await post(browser, provider.honest()))

    tenant.clock.turn(seconds=wait)
    assert brought_back(await post(browser, provider.honest()))[0] == "code"


async def test_requests_that_any_page_can_forge_lock_nobody_out(
    tenant: Tenant, saml_owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(saml_owner, issuer)
    trail = AuditTrail(tenant)
    await trail.new()
    for _ in range(101):
        response = await tenant.browser().get("/sso/issuer/callback", params={"code": "x", "state": "y"})
        refused(response, 401, "sign_in_expired")
        refused(await post(tenant.browser(), "bm8gWE1M"), 401, "sign_in_expired")
    assert await trail.new() == []

    await BrowserLogin(tenant).code()
    browser = tenant.browser()
    assert brought_back(await post(browser, (await arrive(tenant, browser)).honest()))[0] == "code"
