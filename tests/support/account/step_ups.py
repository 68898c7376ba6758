"""Sessions by SSO, without the user's password, and step-ups in them."""

import httpx

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of

STEP_UP = "/session/step-up"


async def known_to_a_provider(tenant: Tenant) -> SimulatedUser:
    """Return a user with an authenticator who can also sign in by SSO."""
    await name_provider(await tenant.signed_in(Role.OWNER), trusted_domains=["example.com"])
    return await tenant.enrolled()


async def by_provider(tenant: Tenant, person: SimulatedUser, *, ip: str = "127.0.0.1") -> Client:
    """Return a browser that is signed in as the person by SSO."""
    browser = tenant.browser(ip=ip)
    body = jwt_sign_in(token_of(tenant, email=person.user.email))
    browser.token = ok(await browser.post("/sign-ins/jwt", json=body), 201)["session"]["token"]
    return browser


async def step_up(browser: Client, passcode: str) -> httpx.Response:
    """Send a passcode or a recovery code, and return the response, success or refusal."""
    return await browser.post(STEP_UP, json={"passcode": passcode})


async def fail_step_up(browser: Client, person: SimulatedUser, *, times: int = 1) -> None:
    """Send wrong passcodes; assert that each is judged and refused."""
    for _ in range(times):
        refused(await step_up(browser, person.authenticator.wrong_passcode()), 401, "passcode_incorrect")


def blocked(response: httpx.Response, seconds: int) -> None:
    """Assert that the throttle refused the attempt, and that `Retry-After` is `seconds`."""
    refused(response, 429, "too_many_attempts")
    assert response.headers["retry-after"] == str(seconds)
