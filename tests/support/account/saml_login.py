"""SAML sign-in of a browser: the requests that Passgate gets."""

import base64
import zlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from lxml import etree

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import BASE_URL, Client, ok
from tests.support.programs.saml import ENTITY_ID, LyingProvider, encoded, signing_key

RETURN_TO = "https://app.example.com/signed-in?by=saml"
SSO_URL = "https://idp.example.com/sso?tenant=1"


async def name_saml_provider(owner: SimulatedUser, name: str = "corp", **changes: Any) -> dict[str, Any]:
    """Configure a SAML provider, `LyingProvider` by default; return the API's answer."""
    body = {
        "type": "saml",
        "create_users": True,
        "trusted_domains": ["example.com"],
        "idp_entity_id": ENTITY_ID,
        "idp_sso_url": SSO_URL,
        "idp_certificates": [signing_key("idp").pem],
        "return_urls": [RETURN_TO],
    }
    response = await owner.browser.put(f"/sso-providers/{name}", json=body | changes)
    shown: dict[str, Any] = ok(response, response.status_code)
    assert response.status_code in {200, 201}, shown
    return shown


async def begin(browser: Client, name: str = "corp") -> str:
    """Begin a login, and return the URL that the browser is redirected to."""
    response = await browser.get(f"/sso/{name}/login", params={"return_to": RETURN_TO})
    assert response.status_code == 303, response.text
    return response.headers["location"]


def request_id(login_url: str) -> str:
    """Return the id of the AuthnRequest in the login URL."""
    [carried] = parse_qs(urlsplit(login_url).query)["SAMLRequest"]
    found: str = etree.fromstring(zlib.decompress(base64.b64decode(carried), wbits=-15)).get("ID")
    return found


async def arrive(tenant: Tenant, browser: Client, name: str = "corp") -> LyingProvider:
    """Begin a login, and return a provider that can answer its request."""
    base = f"{BASE_URL}/v1/accounts/{tenant.account.slug}/sso/{name}"
    asked = request_id(await begin(browser, name))
    return LyingProvider(f"{base}/acs", f"{base}/metadata", asked, tenant.clock.now())


async def post(browser: Client, document: Any, name: str = "corp", **how: Any) -> httpx.Response:
    """Post the provider's answer (a document, or its encoded form) as its page does."""
    answer = document if isinstance(document, str) else encoded(document)
    return await browser.post(f"/sso/{name}/acs", data={"SAMLResponse": answer, "RelayState": ""}, **how)


def brought_back(response: httpx.Response) -> tuple[str, str]:
    """Return what the redirect to the front end carries: `code` or `error`, and its value."""
    assert response.status_code == 303, response.text
    where, _, fragment = response.headers["location"].partition("#")
    assert where == RETURN_TO
    kind, _, value = fragment.partition("=")
    return kind, value


async def finish(browser: Client, document: Any, name: str = "corp") -> dict[str, Any]:
    """Post the provider's answer and exchange the code: afterwards the browser is signed in."""
    kind, code = brought_back(await post(browser, document, name))
    assert kind == "code", code
    answer: dict[str, Any] = ok(await browser.post("/sign-ins/exchange", json={"code": code}), 201)
    browser.token = answer["session"]["token"]
    return answer
