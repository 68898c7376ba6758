"""Fixtures of the sign-in tests: an owner with an authenticator, and a user who must enroll."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant


@pytest.fixture
async def admin(tenant: Tenant) -> SimulatedUser:
    """The owner, with an authenticator, who can change the policy also while 2FA is required."""
    return await tenant.enrolled(Role.OWNER)


@pytest.fixture
async def newcomer(tenant: Tenant, admin: SimulatedUser) -> SimulatedUser:
    """An end user who must enroll."""
    await tenant.require(admin, end_users=True)
    return await tenant.person(Role.END_USER)
