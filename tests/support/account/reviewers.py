"""Test accounts, and users who have the test passcode."""

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import ok

TEST_PASSCODE = {"passcode": "000000"}
"""As docs/api.md section 1 says."""
MARK = {"test_passcode": True}
UNMARK = {"test_passcode": False}


async def make_test_account(tenant: Tenant) -> Tenant:
    """Return a new test account in the same service, without users."""
    return await make_tenant(tenant.app, tenant.services, tenant.clock, test=True)


async def marked(tenant: Tenant, owner: SimulatedUser, role: Role = Role.AGENT) -> SimulatedUser:
    """Return an enrolled user of a test account who has the test passcode."""
    person = await tenant.enrolled(role)
    ok(await owner.browser.patch(f"/users/{person.id}", json=MARK))
    return person
