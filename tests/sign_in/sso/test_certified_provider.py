"""Interoperation with npm's certified `oidc-provider`, which gives the e-mail address by UserInfo alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import BASE_URL, Client, ok
from tests.support.programs.node_provider import NodeProvider, node_provider
from tests.support.programs.oidc_provider import RETURN_TO


@pytest.fixture(scope="module")
def as_it_comes() -> Iterator[NodeProvider]:
    with node_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def with_claims() -> Iterator[NodeProvider]:
    with node_provider("claims") as provider:
        yield provider


@dataclass
class Login:
    """A browser of the tenant that logs in at the provider."""

    tenant: Tenant
    owner: SimulatedUser

    async def set_up(self, provider: NodeProvider, **metadata: Any) -> None:
        """Register Passgate as a client, and configure the provider."""
        callback = f"{BASE_URL}/v1/accounts/{self.tenant.account.slug}/sso/certified/callback"
        settings = provider.register(callback, **metadata) | {"return_urls": [RETURN_TO], "create_users": True}
        ok(await self.owner.browser.put("/sso-providers/certified", json=settings), 201)

    async def come_back(self, provider: NodeProvider, person: str, browser: Client) -> httpx.Response:
        begun = await browser.get("/sso/certified/login", params={"return_to": RETURN_TO})
        return await browser.http.get(provider.log_in(begun.headers["location"], person))

    async def sign_in(self, provider: NodeProvider, person: str) -> dict[str, Any]:
        """Return the user of a complete sign-in."""
        browser = self.tenant.browser()
        response = await self.come_back(provider, person, browser)
        code = response.headers["location"].partition("#code=")[2]
        assert code, response.headers["location"]
        user: dict[str, Any] = ok(await browser.post("/sign-ins/exchange", json={"code": code}), 201)["user"]
        return user


@pytest.fixture
async def login(tenant: Tenant, owner: SimulatedUser) -> Login:
    return Login(tenant, owner)


async def test_everybody_signs_in_by_the_provider_as_it_comes(login: Login, as_it_comes: NodeProvider) -> None:
    await login.set_up(as_it_comes)

    alice = await login.sign_in(as_it_comes, "alice")
    bob = await login.sign_in(as_it_comes, "bob")

    assert (alice["email"], alice["name"]) == ("alice@example.com", "By Oidc Provider")
    assert bob["email"] == "bob@example.com"
    assert (await login.sign_in(as_it_comes, "alice"))["id"] == alice["id"]


async def test_where_it_takes_claims_the_id_token_has_them(login: Login, with_claims: NodeProvider) -> None:
    await login.set_up(with_claims, userinfo_signed_response_alg="RS256")  # so UserInfo would not be read

    with capture_logs() as log:
        carol = await login.sign_in(with_claims, "carol")

    assert (carol["email"], carol["name"]) == ("carol@example.com", "By Oidc Provider")
    assert "no userinfo" not in str(log)


async def test_a_signed_userinfo_is_refused_and_the_log_says_what_to_change(
    login: Login, as_it_comes: NodeProvider
) -> None:
    await login.set_up(as_it_comes, userinfo_signed_response_alg="RS256")

    with capture_logs() as log:
        response = await login.come_back(as_it_comes, "dave", login.tenant.browser())

    assert response.headers["location"] == f"{RETURN_TO}#error=identity_incomplete"
    [line] = [line for line in log if line["event"] == "no userinfo"]
    assert "register the client for plain JSON" in line["reason"]
