"""The same account with other settings, and another account with the same settings."""

import dataclasses
from typing import Any

from app.main import create_app
from tests.support.account.arrange import Tenant, make_tenant
from tests.support.account.client import Client, client_of

HTTPS_URL = "https://passgate.example"


def variant(tenant: Tenant, **changes: Any) -> Tenant:
    """Return the same account, served by another application with these changed services."""
    services = dataclasses.replace(tenant.services, **changes)
    return Tenant(create_app(services), services, tenant.clock, tenant.account)


def with_settings(tenant: Tenant, **changes: Any) -> Tenant:
    """Return the same account, served by another application with these changed settings."""
    return variant(tenant, settings=tenant.services.settings.model_copy(update=changes))


def over_https(tenant: Tenant) -> tuple[Tenant, Client]:
    """Return the account served with an https public URL, and a browser that uses that URL."""
    secured = with_settings(tenant, public_url=HTTPS_URL)
    return secured, client_of(secured.app, tenant.account.slug, base_url=HTTPS_URL)


async def another_account(tenant: Tenant) -> Tenant:
    """Return a second account in the same service, without users."""
    return await make_tenant(tenant.app, tenant.services, tenant.clock)
