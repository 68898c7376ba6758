"""Identity tokens: their claims, who gets one, and who accepts it."""

import base64
import uuid
from datetime import datetime
from typing import Any

import httpx
import pytest
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidClaimError

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.identity_tokens import AUDIENCE, ask_token, fetch_keys, header_of, verify
from tests.support.observe.sql import set_role


async def claims_of(tenant: Tenant, root: httpx.AsyncClient, person: SimulatedUser) -> dict[str, Any]:
    return verify(await ask_token(person), await fetch_keys(root), tenant.clock)


@pytest.mark.parametrize("role", list(Role))
async def test_another_service_verifies_who_is_signed_in(
    tenant: Tenant, root: httpx.AsyncClient, role: Role
) -> None:
    person = await tenant.signed_in(role)
    session = ok(await person.browser.get("/session"))["session"]
    now = int(tenant.clock.now().timestamp())

    claims = await claims_of(tenant, root, person)

    assert uuid.UUID(claims.pop("jti"))
    assert claims == {
        "iss": "http://127.0.0.1:8000",
        "sub": person.id,
        "aud": AUDIENCE,
        "account": tenant.account.slug,
        "role": role.value,
        "sid": session["id"],
        "amr": ["pwd"],
        "acr": "aal1",
        "auth_time": now,
        "iat": now,
        "exp": now + 300,
    }


async def test_the_header_names_the_key_and_nothing_else(tenant: Tenant, root: httpx.AsyncClient) -> None:
    token = await ask_token(await tenant.signed_in())
    [key] = (await fetch_keys(root))["keys"]

    assert header_of(token) == {"alg": "ES256", "kid": key["kid"], "typ": "JWT"}


async def test_a_second_factor_shows_in_the_token(tenant: Tenant, root: httpx.AsyncClient) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)

    claims = await claims_of(tenant, root, person)

    assert (claims["amr"], claims["acr"]) == (["pwd", "otp"], "aal2")


async def test_auth_time_is_the_last_proof_and_not_the_last_request(
    tenant: Tenant, root: httpx.AsyncClient
) -> None:
    person = await tenant.signed_in()
    signed_in_at = int(tenant.clock.now().timestamp())
    tenant.clock.turn(minutes=5)
    assert (await claims_of(tenant, root, person))["auth_time"] == signed_in_at

    await tenant.step_up(person)

    session = ok(await person.browser.get("/session"))["session"]
    claims = await claims_of(tenant, root, person)
    assert claims["auth_time"] == signed_in_at + 300
    assert claims["auth_time"] == datetime.fromisoformat(session["authenticated_at"]).timestamp()


async def test_a_token_names_the_current_role(tenant: Tenant, root: httpx.AsyncClient) -> None:
    person = await tenant.signed_in(Role.ADMIN)
    await set_role(tenant, person, "end_user")

    assert (await claims_of(tenant, root, person))["role"] == "end_user"


async def test_no_two_tokens_are_the_same(tenant: Tenant, root: httpx.AsyncClient) -> None:
    person = await tenant.signed_in()

    found = [(await claims_of(tenant, root, person))["jti"] for _ in range(5)]

    assert len(set(found)) == 5


async def test_a_token_ends_after_five_minutes(tenant: Tenant, root: httpx.AsyncClient) -> None:
    token = await ask_token(await tenant.signed_in())
    keys = await fetch_keys(root)

    tenant.clock.turn(seconds=299)
    verify(token, keys, tenant.clock)
    tenant.clock.turn(seconds=2)
    with pytest.raises(ExpiredTokenError):
        verify(token, keys, tenant.clock)


async def test_a_token_is_for_one_service(tenant: Tenant, root: httpx.AsyncClient) -> None:
    token = await ask_token(await tenant.signed_in(), "https://another.example.com/v1?x=y")
    keys = await fetch_keys(root)

    verify(token, keys, tenant.clock, audience="https://another.example.com/v1?x=y")
    with pytest.raises(InvalidClaimError):
        verify(token, keys, tenant.clock)


async def test_a_changed_token_does_not_verify(tenant: Tenant, root: httpx.AsyncClient) -> None:
    head, _, signature = (await ask_token(await tenant.signed_in())).split(".")
    _, body, _ = (await ask_token(await tenant.signed_in())).split(".")

    with pytest.raises(BadSignatureError):
        verify(f"{head}.{body}.{signature}", await fetch_keys(root), tenant.clock)


@pytest.mark.parametrize(
    "audience",
    [
        "http://localhost",
        "https://api.example.com:8443/path",
        "https://[2001:db8::1]/",
        "https://a.example/" + "a" * 237,
    ],
)
async def test_an_audience_is_an_absolute_url_and_is_kept_as_sent(
    tenant: Tenant, root: httpx.AsyncClient, audience: str
) -> None:
    token = await ask_token(await tenant.signed_in(), audience)

    assert verify(token, await fetch_keys(root), tenant.clock, audience=audience)["aud"] == audience


@pytest.mark.parametrize(
    "audience",
    [
        "",
        "api",
        "api.example.com",
        "//api.example.com",
        "/path",
        "https:",
        "https://",
        "https:///path",
        "ftp://api.example.com",
        "javascript:alert(1)",
        "urn:example:api",
        "https://user@api.example.com",
        "https://api.example.com#part",
        "https://api.example.com#",
        "https://api.example.com/ ",
        " https://api.example.com",
        "https://api.example.com/\n",
        "https://api.example.com:99999",
        "https://api.example.com:0",
        "https://[::1",
        "https://bücher.example",
        "https://a.example/" + "a" * 238,
        None,
        7,
        ["https://api.example.com"],
    ],
)
async def test_any_other_audience_is_refused(tenant: Tenant, audience: object) -> None:
    person = await tenant.signed_in()

    problem = refused(
        await person.browser.post("/session/identity-token", json={"audience": audience}), 422, "invalid_request"
    )

    assert [error["pointer"] for error in problem["errors"]] == ["/audience"]


@pytest.mark.parametrize("body", [{}, {"audience": AUDIENCE, "lifetime": 3600}])
async def test_the_body_holds_only_the_audience(tenant: Tenant, body: dict[str, Any]) -> None:
    person = await tenant.signed_in()

    refused(await person.browser.post("/session/identity-token", json=body), 422, "invalid_request")


async def test_an_api_token_gets_no_identity_token(tenant: Tenant) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    made = ok(await owner.browser.post("/api-tokens", json={"description": "gateway", "scopes": ["api"]}), 201)

    answer = await _post_as(owner, f"{owner.user.email}/token", made["token"])

    refused(answer, 403, "session_required")


async def test_a_password_gets_no_identity_token(tenant: Tenant, owner: SimulatedUser) -> None:
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": True}))
    person = await tenant.person()

    refused(await _post_as(person, person.user.email, PASSWORD), 403, "session_required")


async def test_a_sign_in_token_gets_no_identity_token(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()
    browser.token = await tenant.asked(person, browser)

    answer = await browser.post("/session/identity-token", json={"audience": AUDIENCE})

    refused(answer, 401, "unauthenticated")


async def test_an_identity_token_is_no_credential_here(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    person.browser.token = await ask_token(person)

    refused(await person.browser.get("/session"), 401, "unauthenticated")


async def _post_as(person: SimulatedUser, name: str, password: str) -> httpx.Response:
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    return await person.browser.post(
        "/session/identity-token", json={"audience": AUDIENCE}, headers={"Authorization": f"Basic {basic}"}
    )
