"""An account with limits small enough to reach in a test."""

import pytest

from app.core.settings import PasswordLimits
from tests.support.account.arrange import Tenant
from tests.support.account.variants import variant


@pytest.fixture
def limited(tenant: Tenant) -> Tenant:
    """Limits: 3 for user and address and 6 for an address in 600 s, 9 for a user in 3600 s."""
    return variant(tenant, password_limits=PasswordLimits("3/600,6/600,9/3600"))
