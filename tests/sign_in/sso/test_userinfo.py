"""UserInfo is asked for what the ID token of a browser login lacks (OpenID Connect Core 5.3, 5.4)."""

import json
import time
from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import RedirectResponse
from structlog.testing import capture_logs

from app.core.guarded_fetch import MOST_BYTES
from app.sign_in.sso.oidc.issuer.userinfo import bearer_token
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.browser_login import BrowserLogin
from tests.support.account.client import ok, refused
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql
from tests.support.programs.oidc_provider import (
    ACCESS_TOKEN,
    Issuer,
    asked_nonce,
    id_token_sign_in,
    name_issuer,
)

ONLY_ID: dict[str, Any] = {"email": None, "email_verified": None, "name": None}
PERSON = {"email": "somebody@example.com", "email_verified": True, "name": "By UserInfo"}


@pytest.fixture
async def login(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> BrowserLogin:
    """A login at an issuer that follows Core 5.4: its ID token names the subject alone."""
    await name_issuer(owner, issuer)
    issuer.claims, issuer.userinfo = ONLY_ID, PERSON
    return BrowserLogin(tenant)


async def signed_in(login: BrowserLogin) -> dict[str, Any]:
    """Log in, and return the user."""
    user: dict[str, Any] = ok(
        await login.browser.post("/sign-ins/exchange", json={"code": await login.code()}), 201
    )["user"]
    return user


async def error(login: BrowserLogin) -> str:
    """Log in, and return the error that the browser is sent back with."""
    response = await login.come_back(await login.log_in())
    return str(response.headers["location"].partition("#error=")[2])


async def count_users(tenant: Tenant) -> int:
    [(count,)] = await run_sql(tenant, "SELECT count(*) FROM users WHERE account_id = :account")
    return int(count)


async def test_userinfo_gives_what_the_id_token_lacks(login: BrowserLogin, issuer: Issuer) -> None:
    first = await signed_in(login)
    issuer.userinfo = PERSON | {"email": "moved@example.com"}
    again = await signed_in(login)

    assert (first["email"], first["name"]) == ("somebody@example.com", "By UserInfo")
    assert again["id"] == first["id"]
    assert issuer.asked.count("/userinfo") == 2


async def test_userinfo_is_not_asked_if_the_id_token_says_enough(login: BrowserLogin, issuer: Issuer) -> None:
    issuer.claims = {"name": None}

    await signed_in(login)

    assert "/userinfo" not in issuer.asked


async def test_a_native_client_s_id_token_needs_the_address(login: BrowserLogin, issuer: Issuer) -> None:
    nonce = await asked_nonce(login.browser)

    response = await login.browser.post("/sign-ins/oidc", json=id_token_sign_in(issuer.id_token(nonce), nonce))

    assert "`email`" in refused(response, 403, "identity_incomplete")["detail"]
    assert "/userinfo" not in issuer.asked


@pytest.mark.parametrize("supported", [True, False, "true", None])
async def test_claims_are_asked_for_where_the_issuer_supports_it(
    login: BrowserLogin, issuer: Issuer, supported: Any
) -> None:
    issuer.says = {"claims_parameter_supported": supported}

    await login.log_in()

    asked = json.loads(issuer.query.get("claims", "null"))
    wanted = {"id_token": {"email": {"essential": True}, "email_verified": None, "name": None}}
    assert asked == (wanted if supported is True else None)


@pytest.mark.parametrize("subject", ["subject-2", "Subject-1", "subject-1 ", "", None, 7, ["subject-1"]])
async def test_userinfo_of_another_subject_signs_nobody_in(
    login: BrowserLogin, issuer: Issuer, subject: Any
) -> None:
    before = await count_users(login.tenant)
    issuer.userinfo = PERSON | {"sub": subject}

    assert await error(login) == "invalid_credentials"
    issuer.claims = {"email_verified": None}  # also if the ID token has an address
    assert await error(login) == "invalid_credentials"
    assert await count_users(login.tenant) == before


async def test_an_address_is_verified_only_by_what_says_it(
    login: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    agent = await login.tenant.person()
    await name_issuer(owner, issuer, trusted_domains=["example.com"])
    issuer.claims = {"email": None, "email_verified": True}
    issuer.userinfo = {"email": agent.user.email}
    assert await error(login) == "forbidden"

    issuer.claims = {"email": agent.user.email, "email_verified": None}
    issuer.userinfo = {"email": "other@example.com", "email_verified": True}
    assert await error(login) == "forbidden"
    for wrong in ("true", 1, False, None):
        issuer.userinfo = {"email": agent.user.email, "email_verified": wrong}
        assert await error(login) == "forbidden"

    issuer.userinfo = {"email": agent.user.email, "email_verified": True}
    assert (await signed_in(login))["id"] == agent.id


@pytest.mark.parametrize("userinfo", [{}, {"email": None}, {"email": ""}, {"name": "Some Body"}], ids=str)
async def test_without_an_address_anywhere_the_code_and_the_log_say_so(
    login: BrowserLogin, issuer: Issuer, userinfo: dict[str, Any]
) -> None:
    issuer.userinfo = userinfo
    trail = AuditTrail(login.tenant)
    await trail.new()

    with capture_logs() as log:
        assert await error(login) == "identity_incomplete"

    [line] = [line for line in log if line["event"] == "identity incomplete"]
    assert (line["provider"], line["log_level"]) == ("issuer", "warning")
    assert "e-mail address" in line["reason"]
    [event] = await trail.new()
    assert (event.type, event.details) == ("sign_in.failed", {"provider": "issuer", "code": "identity_incomplete"})


def as_json(**claims: Any) -> bytes:
    return json.dumps({"sub": "subject-1"} | PERSON | claims).encode()


JSON = "application/json"
NO_CLAIMS = {
    "401": Response(status_code=401),
    "403": Response(as_json(), 403, media_type=JSON),
    "204": Response(status_code=204),
    "a signed answer": Response(b"e30.e30.AAAA", media_type="application/jwt"),
    "JSON called a signed answer": Response(as_json(), media_type="application/jwt; charset=utf-8"),
    "JSON called HTML": Response(as_json(), media_type="text/html"),
    "JSON called nothing": Response(as_json()),
}


@pytest.mark.parametrize("name", NO_CLAIMS)
async def test_an_answer_without_claims_as_json_is_not_read(
    login: BrowserLogin, issuer: Issuer, name: str
) -> None:
    issuer.answers["/userinfo"] = NO_CLAIMS[name]

    with capture_logs() as log:
        assert await error(login) == "identity_incomplete"
    [line] = [line for line in log if line["event"] == "no userinfo"]
    assert ("application/jwt" in line["reason"]) == ("signed" in name)
    issuer.claims = {"email_verified": None}  # unverified, which `create_users` does not take
    assert await error(login) == "forbidden"


WRONG = {
    "no JSON": b"{",
    "a list": b"[]",
    "no UTF-8": b"\xff",
    "deep": b"[" * 100_000,
    "without sub": json.dumps(PERSON).encode(),
    "an address that is a list": as_json(email=["somebody@example.com"]),
    "an address of 60 kB": as_json(email="a" * 60_000 + "@example.com"),
    "a subject of 60 kB": as_json(sub="subject-1" * 7_000),
}


@pytest.mark.parametrize("name", WRONG)
async def test_wrong_claims_sign_nobody_in(login: BrowserLogin, issuer: Issuer, name: str) -> None:
    issuer.answers["/userinfo"] = Response(WRONG[name], media_type=JSON)

    assert await error(login) == "invalid_credentials"


FAILURES = {
    "500": Response(status_code=500),
    "429": Response(status_code=429),
    "a redirect": RedirectResponse("/keys", 302),
    "too much": Response(as_json(more="x" * MOST_BYTES), media_type=JSON),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failing_userinfo_is_unavailable_and_known_addresses_do_without(
    login: BrowserLogin, issuer: Issuer, name: str
) -> None:
    user = await signed_in(login)
    issuer.answers["/userinfo"] = FAILURES[name]
    issuer.asked.clear()

    with capture_logs() as log:
        assert await error(login) == "unavailable"
    assert [line["event"] for line in log if line["log_level"] == "warning"] == ["issuer failed"]
    assert ACCESS_TOKEN not in str(log)
    assert "/keys" not in issuer.asked  # no redirect is followed
    issuer.claims = {"email_verified": None}
    assert (await signed_in(login))["id"] == user["id"]


async def test_a_silent_userinfo_is_unavailable_within_seconds(login: BrowserLogin, issuer: Issuer) -> None:
    await signed_in(login)
    address = await login.log_in()
    issuer.delays["/userinfo"] = 8
    began = time.monotonic()

    response = await login.come_back(address)

    assert response.headers["location"].endswith("#error=unavailable")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("url", ["http://id.example.com/me", "file:///etc/passwd", 7, None])
async def test_an_endpoint_without_tls_is_no_endpoint(login: BrowserLogin, issuer: Issuer, url: Any) -> None:
    issuer.says = {"userinfo_endpoint": url}

    assert await error(login) == "identity_incomplete"


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://10.0.0.1/", "https://[fc00::1]/"])
async def test_no_internal_address_is_asked(login: BrowserLogin, issuer: Issuer, url: str) -> None:
    issuer.says = {"userinfo_endpoint": url}

    with capture_logs() as log:
        assert await error(login) == "unavailable"
    [line] = [line for line in log if line["event"] == "issuer failed"]
    assert line["reason"] == "an address that is not fetched"


@pytest.mark.parametrize(
    "gives",
    [
        {"access_token": None},
        {"access_token": 7},
        {"access_token": ""},
        {"access_token": "a\r\nCookie: b"},
        {"access_token": "a b"},
        {"access_token": "a" * 60_000},
        {"token_type": "DPoP"},
        {"token_type": None},
        {"token_type": ["Bearer"]},
    ],
    ids=lambda gives: str(gives)[:30],
)
async def test_only_a_bearer_token_is_sent_to_userinfo(
    login: BrowserLogin, issuer: Issuer, gives: dict[str, Any]
) -> None:
    issuer.gives |= gives

    assert await error(login) == "identity_incomplete"
    assert "/userinfo" not in issuer.asked


def test_the_type_of_a_bearer_token_has_no_case() -> None:
    for type_ in ("Bearer", "bearer", "BEARER"):
        assert bearer_token({"access_token": "a", "token_type": type_}) == "a"


async def test_userinfo_is_asked_only_with_a_verified_id_token(login: BrowserLogin, issuer: Issuer) -> None:
    for claims in ({"nonce": "another"}, {"aud": "somebody else"}, {"exp": 1}, {"sub": None}):
        issuer.claims = ONLY_ID | claims
        assert await error(login) == "invalid_credentials"
    assert "/userinfo" not in issuer.asked
