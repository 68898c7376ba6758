"""Sessions that are not fresh, and their refusal (docs/api.md section 3, RFC 9470)."""

import httpx

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import refused

CHALLENGE = 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="600"'


def step_up_required(response: httpx.Response) -> None:
    """Assert that the call requires a step-up, with the exact challenge of the contract."""
    refused(response, 401, "step_up_required")
    assert response.headers.get_list("www-authenticate") == [CHALLENGE]


def setup_required(response: httpx.Response, tenant: Tenant) -> None:
    """Assert that the caller must set up 2FA first, and is told where; no step-up is asked for."""
    problem = refused(response, 403, "two_factor_setup_required")
    assert problem["enroll_at"] == f"/v1/accounts/{tenant.account.slug}/users/me/two-factor/enrollments"
    assert "POST /users/me/two-factor/enrollments" in problem["detail"]
    assert "www-authenticate" not in response.headers


async def let_through_by_device(tenant: Tenant, role: Role = Role.AGENT) -> SimulatedUser:
    """Return a user who just signed in by password on a trusted device: `aal1`, not fresh."""
    person = await tenant.enrolled(role)
    await tenant.pass_passcode(person)
    assert (await tenant.sign_in(person))["status"] == "complete"
    return person
