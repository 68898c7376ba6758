"""An account whose owner has configured an SSO provider."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.saml_login import name_saml_provider
from tests.support.account.third_parties import name_provider


@pytest.fixture
async def owner(tenant: Tenant) -> SimulatedUser:
    """The owner, with an authenticator, a fresh session, and a JWT provider named `intranet`."""
    owner = await tenant.enrolled(Role.OWNER)
    await name_provider(owner)
    return owner


@pytest.fixture
async def saml_owner(tenant: Tenant) -> SimulatedUser:
    """The owner, with an authenticator, a fresh session, and a SAML provider named `corp`."""
    owner = await tenant.enrolled(Role.OWNER)
    await name_saml_provider(owner)
    return owner
