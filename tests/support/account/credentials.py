"""Clients without a session: with an API token or with a password."""

import base64

from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import Client, ok


def basic(name: str, password: str) -> str:
    """Return the `Authorization` header of Basic authentication."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def by_token(tenant: Tenant, admin: SimulatedUser, *scopes: str) -> Client:
    """Return a client with a new API token of the admin, whose session is fresh."""
    body = {"description": "a script", "scopes": list(scopes)}
    secret = ok(await admin.browser.post("/api-tokens", json=body), 201)["token"]
    return _calling(tenant, basic(f"{admin.user.email}/token", secret))


async def by_password(tenant: Tenant, person: SimulatedUser, owner: SimulatedUser) -> Client:
    """Return a client with the person's password, after the owner turned password access on."""
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": True}))
    return _calling(tenant, basic(person.user.email, PASSWORD))


def _calling(tenant: Tenant, authorization: str) -> Client:
    client = tenant.browser()
    client.http.headers["Authorization"] = authorization
    return client
