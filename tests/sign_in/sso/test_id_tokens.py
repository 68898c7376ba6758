"""Signing in with an ID token, without a passcode; each nonce works once."""

import time
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.observe.audit import AuditTrail
from tests.support.programs.oidc_provider import Issuer, asked_nonce, id_token_sign_in, name_issuer

PATH = "/sign-ins/oidc"


async def send(browser: Client, issuer: Issuer, **says: Any) -> Any:
    nonce = await asked_nonce(browser)
    return await browser.post(PATH, json=id_token_sign_in(issuer.id_token(nonce, **says), nonce))


async def test_with_2fa_required_an_id_token_completes_and_a_password_needs_a_passcode(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    agent = await tenant.enrolled(Role.AGENT)
    await tenant.require(owner, team_members=True, end_users=True)
    await name_issuer(owner, issuer, trusted_domains=["example.com"])

    answer = ok(await send(tenant.browser(), issuer, email=agent.user.email), 201)

    assert (answer["status"], answer["user"]["id"]) == ("complete", agent.id)
    session = answer["session"]
    assert (session["amr"], session["assurance"], session["second_factor_at"]) == (["sso"], "aal1", None)
    assert (await tenant.sign_in(agent, tenant.browser()))["status"] == "passcode_required"
    again = ok(await send(tenant.browser(), issuer, email="moved@elsewhere.example"), 201)
    assert again["user"]["id"] == agent.id  # found by the subject, although the address changed


async def test_its_session_changes_no_authenticator(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> None:
    agent = await tenant.enrolled(Role.AGENT)
    await name_issuer(owner, issuer, trusted_domains=["example.com"])
    browser = tenant.browser()
    browser.token = ok(await send(browser, issuer, email=agent.user.email), 201)["session"]["token"]

    response = await browser.post("/users/me/two-factor/enrollments", json={"kind": "totp"})

    refused(response, 401, "step_up_required")


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_is_not_verified_links_nobody(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer, verified: Any
) -> None:
    agent = await tenant.person(Role.AGENT)
    await name_issuer(owner, issuer, trusted_domains=["example.com"])

    response = await send(tenant.browser(), issuer, email=agent.user.email, email_verified=verified)

    refused(response, 403, "forbidden")


async def test_a_nonce_and_a_token_are_good_once_and_for_ten_minutes(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    browser = tenant.browser()
    nonce = await asked_nonce(browser)
    body = id_token_sign_in(issuer.id_token(nonce, exp=4_000_000_000), nonce)
    ok(await browser.post(PATH, json=body), 201)

    refused(await browser.post(PATH, json=body), 401, "invalid_credentials")
    late = await asked_nonce(browser)
    body = id_token_sign_in(issuer.id_token(late, exp=4_000_000_000), late)
    tenant.clock.turn(minutes=10)
    refused(await browser.post(PATH, json=body), 401, "invalid_credentials")


async def test_a_nonce_that_was_not_issued_is_refused(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    browser = tenant.browser()
    mine, other = await asked_nonce(browser), await asked_nonce(browser)

    for claimed, sent in (("pgo_" + "A" * 43,) * 2, ("x", "x"), (mine, other), (mine, "é"), ("", "")):
        body = id_token_sign_in(issuer.id_token(claimed), sent)
        refused(await browser.post(PATH, json=body), 401, "invalid_credentials")
    ok(await browser.post(PATH, json=id_token_sign_in(issuer.id_token(mine), mine)), 201)


async def test_a_refused_token_is_audited_and_not_repeated(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    trail = AuditTrail(tenant)
    await trail.new()
    stranger = RSAKey.generate_key(2048, {"kid": "rsa-1"}, private=True)

    problem = refused(await send(tenant.browser(), issuer, key=stranger), 401, "invalid_credentials")

    [event] = await trail.new()
    assert (event.type, event.details) == ("sign_in.failed", {"provider": "issuer", "code": "invalid_credentials"})
    assert "eyJ" not in str(problem)


async def test_a_new_key_of_the_issuer_is_fetched(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> None:
    await name_issuer(owner, issuer)
    ok(await send(tenant.browser(), issuer), 201)
    old = issuer.keys[0]
    issuer.rotate("rsa-2")

    ok(await send(tenant.browser(), issuer), 201)
    refused(await send(tenant.browser(), issuer, key=old), 401, "invalid_credentials")


async def test_with_the_issuer_down_known_keys_work_and_the_rest_is_unavailable_within_seconds(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    await name_issuer(owner, issuer, "unreached", issuer="http://127.0.0.1:1")
    ok(await send(tenant.browser(), issuer), 201)
    issuer.delay = 8
    tenant.clock.turn(minutes=11)

    ok(await send(tenant.browser(), issuer), 201)
    ok(await send(tenant.browser(), issuer), 201)
    nonce = await asked_nonce(tenant.browser())
    body = id_token_sign_in(issuer.id_token(nonce), nonce, "unreached")
    began = time.monotonic()
    response = await tenant.browser().post(PATH, json=body)
    assert response.headers["retry-after"]
    refused(response, 503, "unavailable")
    stranger = RSAKey.generate_key(2048, {"kid": "unknown"}, private=True)
    refused(await send(tenant.browser(), issuer, key=stranger), 503, "unavailable")
    assert time.monotonic() - began < 5


async def test_a_provider_of_another_type_or_an_unknown_one_is_not_found(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    nonce = await asked_nonce(tenant.browser())
    for provider in ("intranet", "unknown"):
        body = id_token_sign_in(issuer.id_token(nonce), nonce, provider)
        refused(await tenant.browser().post(PATH, json=body), 404, "not_found")


async def test_sign_ins_begun_from_one_address_are_limited(tenant: Tenant) -> None:
    flooding, other = tenant.browser(), tenant.browser(ip="203.0.113.9")

    for _ in range(600):
        ok(await flooding.post("/sign-ins/oidc/nonces"), 201)
    response = await flooding.post("/sign-ins/oidc/nonces")

    refused(response, 429, "too_many_requests")
    ok(await other.post("/sign-ins/oidc/nonces"), 201)
    tenant.clock.turn(seconds=int(response.headers["retry-after"]))
    ok(await flooding.post("/sign-ins/oidc/nonces"), 201)
