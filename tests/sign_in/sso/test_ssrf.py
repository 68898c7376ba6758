"""SSRF: issuers with which an admin tries to make Passgate connect to internal machines."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from app.main import create_app
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import client_of, ok, refused
from tests.support.account.services import with_changes
from tests.support.programs.oidc_provider import RETURN_TO, Issuer, asked_nonce, id_token_sign_in, name_issuer

PUBLIC_URL = "https://auth.example.com"
OIDC = {"type": "oidc", "client_id": "x", "return_urls": [RETURN_TO]}


@dataclass
class Target:
    """A server on this machine that counts connections."""

    port: int = 0
    connections: int = 0

    async def serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    found = Target()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


def public(tenant: Tenant, **settings: str) -> Tenant:
    """Return the account as a public instance serves it."""
    services = with_changes(tenant.services, public_url=PUBLIC_URL, **settings)
    return Tenant(create_app(services), services, tenant.clock, tenant.account)


ISSUERS = [
    "http://127.0.0.1:{port}",
    "http://127.0.0.1:{port}/path?x=",
    "https://127.0.0.1:{port}",
    "https://[::1]",
]
ISSUERS += ["http://localhost:{port}", "https://localhost:{port}", "https://localhost.", "https://10.0.0.1"]
ISSUERS += [
    "https://169.254.169.254",
    "https://2130706433:{port}",
    "https://[::ffff:10.0.0.1]",
    "https://100.64.0.1",
]
ISSUERS += ["https://id.example?x=", "https://id.example/?", "https://id.example#x", "https://me@id.example"]


@pytest.mark.parametrize("issuer", ISSUERS)
async def test_a_public_instance_refuses_a_private_or_malformed_issuer(
    tenant: Tenant, owner: SimulatedUser, target: Target, issuer: str
) -> None:
    browser = client_of(public(tenant).app, tenant.account.slug)
    browser.token = owner.browser.token

    body = OIDC | {"issuer": issuer.format(port=target.port)}
    problem = refused(await browser.put("/sso-providers/x", json=body), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == ["/issuer"]
    assert target.connections == 0


async def test_issuers_in_allowed_networks_are_accepted(tenant: Tenant, owner: SimulatedUser) -> None:
    browser = client_of(public(tenant, fetch_allow_networks="10.20.0.0/16, fd00::/8").app, tenant.account.slug)
    browser.token = owner.browser.token

    ok(await browser.put("/sso-providers/x", json=OIDC | {"issuer": "https://10.20.0.1"}), 201)
    ok(await browser.put("/sso-providers/y", json=OIDC | {"issuer": "https://[fd00::1]"}), 201)
    refused(
        await browser.put("/sso-providers/z", json=OIDC | {"issuer": "https://10.21.0.1"}), 422, "invalid_request"
    )
    refused(
        await browser.put("/sso-providers/z", json=OIDC | {"issuer": "http://10.20.0.1"}), 422, "invalid_request"
    )


async def test_a_private_issuer_stored_earlier_is_never_connected_to(
    tenant: Tenant, owner: SimulatedUser, target: Target
) -> None:
    url = f"http://127.0.0.1:{target.port}"
    ok(await owner.browser.put("/sso-providers/x", json=OIDC | {"issuer": url}), 201)
    browser = client_of(public(tenant).app, tenant.account.slug, base_url=PUBLIC_URL)

    refused(await browser.get("/sso/x/login", params={"return_to": RETURN_TO}), 503, "unavailable")
    body = id_token_sign_in("e30.e30.e30", await asked_nonce(browser), "x")
    assert (await browser.post("/sign-ins/oidc", json=body)).status_code in {401, 503}

    assert target.connections == 0


@pytest.mark.parametrize("endpoint", ["jwks_uri", "token_endpoint"])
@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/latest", "https://10.0.0.1:{port}/", "https://[fc00::1]/"]
)
async def test_the_endpoints_of_an_issuer_are_guarded_like_itself(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer, target: Target, endpoint: str, url: str
) -> None:
    await name_issuer(owner, issuer)
    issuer.says = {endpoint: url.format(port=target.port)}
    browser = tenant.browser()

    with capture_logs() as log:
        begun = await browser.get("/sso/issuer/login", params={"return_to": RETURN_TO})
        if endpoint == "token_endpoint":
            state = begun.headers["location"].partition("state=")[2].partition("&")[0]
            back = await browser.get("/sso/issuer/callback", params={"code": "x", "state": state})
            assert back.headers["location"].endswith("#error=unavailable")
        else:
            refused(begun, 503, "unavailable")

    [line] = [line for line in log if line["event"] == "issuer failed"]
    assert line["reason"] == "an address that is not fetched"
