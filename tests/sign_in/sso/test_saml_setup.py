"""Settings of a SAML provider, its metadata, and the browser's redirects and form."""

import pytest
from lxml import etree

from app.main import create_app
from app.sign_in.sso.saml.messages import signatures
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import client_of, refused
from tests.support.account.saml_login import (
    RETURN_TO,
    SSO_URL,
    arrive,
    begin,
    brought_back,
    finish,
    post,
)
from tests.support.account.services import with_changes
from tests.support.account.third_parties import name_provider
from tests.support.programs.saml import signing_key

pytestmark = pytest.mark.usefixtures("saml_owner")


async def test_the_metadata_contain_the_addresses_of_the_account(tenant: Tenant) -> None:
    entity = etree.fromstring((await tenant.browser().get("/sso/corp/metadata")).content)

    base = f"http://127.0.0.1:8000/v1/accounts/{tenant.account.slug}/sso/corp"
    assert entity.get("entityID") == f"{base}/metadata"
    [consumer] = entity.iter("{*}AssertionConsumerService")
    assert consumer.get("Location") == f"{base}/acs"


async def test_a_browser_is_sent_only_where_the_provider_says(tenant: Tenant, saml_owner: SimulatedUser) -> None:
    await name_provider(saml_owner, "intranet")
    browser = tenant.browser()
    assert (await begin(browser)).startswith(SSO_URL + "&SAMLRequest=")
    for return_to in ("", "https://evil.example", RETURN_TO + "&x", RETURN_TO.upper()):
        response = await browser.get("/sso/corp/login", params={"return_to": return_to})
        assert refused(response, 422, "invalid_request")["errors"][0]["pointer"] == "/return_to"
    refused(await browser.get("/sso/corp/login"), 422, "invalid_request")
    for name in ("unknown", "intranet"):
        for path in ("login?return_to=x", "metadata"):
            refused(await browser.get(f"/sso/{name}/{path}"), 404, "not_found")
        refused(await post(browser, b"<a/>", name), 404, "not_found")


async def test_the_form_is_a_form_of_at_most_256_kib(tenant: Tenant) -> None:
    browser, path = tenant.browser(), "/sso/corp/acs"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    refused(await browser.post(path, json={"SAMLResponse": "x"}), 415, "unsupported_media_type")
    refused(await browser.post(path, files={"SAMLResponse": b"x"}), 415, "unsupported_media_type")
    refused(await browser.post(path, data={"SAMLResponse": "a" * 256 * 1024}), 413, "too_large")
    for content in (b"", b"RelayState=x", b"a", b"a=1&a=2", b"SAMLResponse=%ff", b"\xff=1", b"a=1&" * 20 + b"b=2"):
        refused(await browser.post(path, content=content, headers=headers), 422, "invalid_request")
    provider = await arrive(tenant, browser)
    document = etree.tostring(provider.honest(), doctype=None) + b" " * 150_000
    await finish(browser, document)


async def test_over_https_the_cookie_is_sent_with_a_cross_site_form(tenant: Tenant) -> None:
    services = with_changes(tenant.services, public_url="https://passgate.example.com")
    base_url = "https://passgate.example.com"
    browser = client_of(create_app(services), tenant.account.slug, base_url=base_url)
    response = await browser.get("/sso/corp/login", params={"return_to": RETURN_TO})

    [cookie] = response.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-passgate_sso=pgo_")
    flags = set(cookie.split("; ")[1:])
    assert flags == {"HttpOnly", "Path=/", "Max-Age=600", "Secure", "SameSite=None"}
    finished = await post(browser, b"<a/>")
    assert "Max-Age=0" in finished.headers["set-cookie"]
    assert not browser.cookies


@pytest.mark.parametrize("certificate", ["", "no certificate", "AAAA", "-----BEGIN CERTIFICATE-----"])
async def test_a_provider_needs_certificates(saml_owner: SimulatedUser, certificate: str) -> None:
    body = {
        "type": "saml",
        "idp_entity_id": "x",
        "idp_sso_url": SSO_URL,
        "return_urls": [RETURN_TO],
        "idp_certificates": [signing_key("idp").pem, certificate],
    }

    problem = refused(await saml_owner.browser.put("/sso-providers/new", json=body), 422, "invalid_request")

    assert problem["errors"][0]["pointer"] == "/idp_certificates/1"


async def test_without_the_extra_saml_is_refused(
    tenant: Tenant, saml_owner: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tenant.browser()
    provider = await arrive(tenant, browser)
    monkeypatch.setattr(signatures, "INSTALLED", False)

    assert brought_back(await post(browser, provider.honest())) == ("error", "unavailable")
    refused(await browser.get("/sso/corp/login", params={"return_to": RETURN_TO}), 503, "unavailable")
    body = {"type": "saml", "idp_entity_id": "x"}
    problem = refused(await saml_owner.browser.put("/sso-providers/new", json=body), 422, "invalid_request")
    assert problem["errors"][0]["pointer"] == "/type"
