"""A credential sent in a wrong way is refused with how to send it, and without being judged or repeated."""

import base64

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.observe.audit import AuditTrail

HOW = "Basic base64(email/token:pgt_...)"


def basic(name: str, password: str) -> dict[str, str]:
    """Return the header of Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


async def new_token(owner: SimulatedUser) -> str:
    """Return a token that may pass `/authorize`."""
    body = {"description": "a script", "scopes": ["api"]}
    token: str = ok(await owner.browser.post("/api-tokens", json=body), 201)["token"]
    return token


async def hint(tenant: Tenant, headers: dict[str, str]) -> str:
    """Assert that the credential is refused, and return the detail."""
    response = await tenant.browser().get("/authorize", headers=headers)
    detail: str = refused(response, 401, "unauthenticated")["detail"]
    return detail


async def test_an_api_token_as_bearer_is_told_to_be_basic(tenant: Tenant, owner: SimulatedUser) -> None:
    token = await new_token(owner)

    for sent in (token, "pgt_" + "A" * 43, "pgt_x"):
        detail = await hint(tenant, {"Authorization": f"Bearer {sent}"})
        assert HOW in detail
        assert sent not in detail


@pytest.mark.parametrize("allowed", [False, True])
async def test_an_api_token_as_a_password_is_told_the_suffix_and_is_not_judged(
    tenant: Tenant, owner: SimulatedUser, *, allowed: bool
) -> None:
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": allowed}))
    token = await new_token(owner)
    trail = AuditTrail(tenant)
    await trail.new()

    for _ in range(12):  # a password would be limited after ten
        detail = await hint(tenant, basic(owner.user.email, token))
        assert HOW in detail
        assert token not in detail

    assert await trail.new() == []
    response = await tenant.browser().get("/authorize", headers=basic(f"{owner.user.email}/token", token))
    assert response.status_code == 204
    if allowed:
        response = await tenant.browser().get("/authorize", headers=basic(owner.user.email, PASSWORD))
        assert response.status_code == 204


async def test_a_password_that_only_begins_like_a_token_is_a_password(tenant: Tenant) -> None:
    headers = basic("nobody@example.com", "pgt_is how my password begins")

    response = await tenant.browser().get("/authorize", headers=headers)

    refused(response, 401, "password_access_off")
    assert HOW in response.json()["detail"]


async def test_malformed_headers_are_told_the_form(tenant: Tenant) -> None:
    assert "base64" in await hint(tenant, {"Authorization": "Basic owner@example.com:secret"})
    assert "Bearer pgs_..." in await hint(tenant, {})
    assert "Bearer pgs_..." in await hint(tenant, {"Authorization": "pgs_" + "A" * 43})
    assert "Bearer pgs_..." in await hint(tenant, {"Authorization": "Bearer pgs_" + "A" * 43})


async def test_two_headers_are_named(tenant: Tenant) -> None:
    person = await tenant.signed_in(Role.AGENT)
    headers = [("Authorization", f"Bearer {person.browser.token}")] * 2

    response = await person.browser.http.get("/session", headers=httpx.Headers(headers))

    assert "more than one" in refused(response, 401, "unauthenticated")["detail"]
