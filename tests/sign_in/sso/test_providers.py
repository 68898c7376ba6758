"""Configuring SSO providers: by admins, within their role; secrets are never shown again."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.third_parties import JWT, SECRET, jwt_sign_in, name_provider, token_of
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql

OIDC = {
    "type": "oidc",
    "issuer": "https://accounts.google.com",
    "client_id": "a client",
    "client_secret": "a secret of ours at the issuer",
    "return_urls": ["https://app.example.com/signed-in", "http://localhost:3000/"],
}


@pytest.fixture
async def owner(tenant: Tenant) -> SimulatedUser:
    return await tenant.enrolled(Role.OWNER)


async def test_a_provider_is_named_shown_replaced_and_removed(owner: SimulatedUser) -> None:
    browser = owner.browser

    made = ok(await browser.put("/sso-providers/google", json=OIDC), 201)

    settings = {key: value for key, value in OIDC.items() if key != "client_secret"}
    defaults = {
        "create_users": False,
        "default_role": "end_user",
        "roles": ["agent", "end_user"],
        "trusted_domains": [],
    }
    assert made == {"name": "google"} | settings | defaults
    assert ok(await browser.get("/sso-providers/google")) == made
    changed = ok(await browser.put("/sso-providers/google", json=OIDC | {"trusted_domains": ["Example.COM"]}))
    assert changed == made | {"trusted_domains": ["example.com"]}
    listed = ok(await browser.get("/sso-providers"))["items"]
    assert [provider["name"] for provider in listed] == ["google"]
    ok(await browser.delete("/sso-providers/google"), 204)
    refused(await browser.get("/sso-providers/google"), 404, "not_found")
    refused(await browser.delete("/sso-providers/google"), 404, "not_found")


async def test_a_secret_is_sealed_and_shown_nowhere(tenant: Tenant, owner: SimulatedUser) -> None:
    shown = await name_provider(owner)
    shown_later = ok(await owner.browser.get("/sso-providers/intranet"))

    stored = await run_sql(tenant, "SELECT * FROM sso_providers WHERE account_id = :account")
    audited = [event for event in await AuditTrail(tenant).new() if event.type == "policy.changed"]
    assert len(audited) == 1
    for seen in (shown, shown_later, stored, audited):
        assert SECRET not in str(seen)


async def test_a_secret_that_is_left_out_stays(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner)
    change = {"type": "jwt", "create_users": True, "trusted_domains": ["example.com"]}

    ok(await owner.browser.put("/sso-providers/intranet", json=change))

    ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant))), 201)
    response = await owner.browser.put("/sso-providers/other", json=change)
    assert [error["pointer"] for error in refused(response, 422, "invalid_request")["errors"]] == ["/secret"]


async def test_another_issuer_makes_a_new_provider(tenant: Tenant, owner: SimulatedUser) -> None:
    ok(await owner.browser.put("/sso-providers/google", json=OIDC), 201)
    query = "SELECT id FROM sso_providers WHERE account_id = :account"
    [before] = await run_sql(tenant, query)

    ok(await owner.browser.put("/sso-providers/google", json=OIDC | {"return_urls": []}))
    assert await run_sql(tenant, query) == [before]
    ok(await owner.browser.put("/sso-providers/google", json=OIDC | {"issuer": "https://id.example"}))
    [after] = await run_sql(tenant, query)
    assert after != before


async def test_an_admin_cannot_let_admins_or_the_owner_sign_in(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.enrolled(Role.ADMIN)
    roles: dict[str, Any] = {"roles": ["agent", "admin"], "default_role": "agent"}

    refused(await admin.browser.put("/sso-providers/intranet", json=JWT | roles), 403, "forbidden")
    refused(await admin.browser.put("/sso-providers/intranet", json=JWT | {"roles": ["owner"]}), 403, "forbidden")
    await name_provider(owner, **roles)
    # Nor may the admin put their own secret into the owner's provider.
    own_secret = JWT | roles | {"secret": "a secret that the admin knows, and has made up"}
    refused(await admin.browser.put("/sso-providers/intranet", json=own_secret), 403, "forbidden")
    await name_provider(admin, "of-the-admin")


async def test_an_admin_signs_in_by_a_provider_that_the_owner_opened_to_admins(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    admin = await tenant.person(Role.ADMIN)
    await name_provider(owner, roles=["admin"], default_role="admin", trusted_domains=["example.com"])

    token = token_of(tenant, email=admin.user.email)
    answer = ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token)), 201)

    assert answer["user"]["role"] == "admin"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": "jwt", "secret": "of less than 32 bytes"}, "/secret"),
    ({"type": "jwt", "secret": SECRET, "issuer": "https://id.example"}, "/issuer"),
    (OIDC | {"secret": SECRET}, "/secret"),
    ({"type": "oidc", "client_id": "x"}, "/issuer"),
    ({"type": "oidc", "issuer": "https://id.example"}, "/client_id"),
    (OIDC | {"issuer": "http://id.example"}, "/issuer"),
    (OIDC | {"issuer": "https://user@id.example"}, "/issuer"),
    (OIDC | {"issuer": "https://id.example#fragment"}, "/issuer"),
    (OIDC | {"issuer": "file:///etc/passwd"}, "/issuer"),
    (OIDC | {"return_urls": ["https://app.example.com", "javascript:alert(1)"]}, "/return_urls/1"),
    (OIDC | {"return_urls": ["https://app.example.com\\@evil.example"]}, "/return_urls/0"),
    ({"type": "saml", "idp_entity_id": "x"}, "/idp_sso_url"),
    (JWT | {"default_role": "owner"}, "/default_role"),
    (JWT | {"create_users": True, "default_role": "agent", "roles": ["end_user"]}, "/default_role"),
    (JWT | {"trusted_domains": ["example.com", "@example.com"]}, "/trusted_domains/1"),
]


@pytest.mark.parametrize(("body", "pointer"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
async def test_the_wrong_field_is_named(owner: SimulatedUser, body: dict[str, Any], pointer: str) -> None:
    response = await owner.browser.put("/sso-providers/name", json=body)

    problem = refused(response, 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("name", ["UPPER", "-a", "a" * 64, "a.b", "a%00b"])
async def test_a_provider_has_a_plain_name(owner: SimulatedUser, name: str) -> None:
    refused(await owner.browser.put(f"/sso-providers/{name}", json=JWT), 422, "invalid_request")
