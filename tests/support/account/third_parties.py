"""SSO providers of an account, and JWTs signed with joserfc, which the service does not use."""

from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import OctKey

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok
from tests.support.observe.sql import run_sql

SECRET = "a secret that the intranet shares with us"
JWT = {"type": "jwt", "secret": SECRET, "create_users": True, "trusted_domains": ["example.com"]}


async def name_provider(owner: SimulatedUser, name: str = "intranet", **changes: Any) -> dict[str, Any]:
    """Configure or replace a JWT provider; return the API's answer."""
    response = await owner.browser.put(f"/sso-providers/{name}", json=JWT | changes)
    shown: dict[str, Any] = ok(response, response.status_code)
    assert response.status_code in {200, 201}, shown
    return shown


async def link_identity(tenant: Tenant, person: SimulatedUser) -> None:
    """Link an identity of a provider to the person, as their first sign-in by it does."""
    provider = """
        INSERT INTO sso_providers (account_id, id, name, type, create_users, default_role, roles, trusted_domains,
            settings, created_at, updated_at)
        VALUES (:account, :id, 'linked', 'saml', false, 'end_user', '{agent,end_user}', '{}', '{}', :now, :now)
        ON CONFLICT (account_id, name) DO UPDATE SET updated_at = excluded.updated_at RETURNING id
    """
    [(provider_id,)] = await run_sql(tenant, provider, id=uuid4(), now=tenant.clock.now())
    identity = """
        INSERT INTO sso_identities (account_id, id, provider_id, subject, user_id, created_at)
        VALUES (:account, :id, :provider, :subject, :user, :now)
    """
    values = {"id": uuid4(), "provider": provider_id, "subject": person.id, "user": person.user.id}
    await run_sql(tenant, identity, **values, now=tenant.clock.now())


def token_of(tenant: Tenant, secret: str = SECRET, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a JWT of the provider `intranet`; a claim of None is left out.

    The default user has an `external_id`, another address has none unless it is given.
    """
    given = {
        "iat": int(tenant.clock.now().timestamp()),
        "jti": str(uuid4()),
        "email": "somebody@example.com",
        "name": "Somebody New",
        "external_id": None if "email" in claims else "somebody",
    } | claims
    given = {name: value for name, value in given.items() if value is not None}
    key = OctKey.import_key(secret.encode())
    return jwt.encode(header or {"alg": "HS256", "typ": "JWT"}, given, key)


def jwt_sign_in(token: str, provider: str = "intranet") -> dict[str, str]:
    """Return the body of POST /sign-ins/jwt."""
    return {"provider": provider, "token": token}
