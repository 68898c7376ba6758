"""Sending right and wrong passwords from different addresses."""

import httpx

from tests.support.account.arrange import PASSWORD, Tenant
from tests.support.account.client import Client, ok, refused

WRONG = "a wrong password"
HERE = "192.0.2.1"


async def send(browser: Client, email: str, password: str = PASSWORD) -> httpx.Response:
    """Send an e-mail address and a password, and return the response, success or refusal."""
    return await browser.post("/sign-ins", json={"email": email, "password": password})


async def fail(tenant: Tenant, email: str, *, times: int = 1, ip: str = HERE) -> None:
    """Send wrong passwords; assert that each is judged and refused."""
    browser = tenant.browser(ip=ip)
    for _ in range(times):
        refused(await send(browser, email, WRONG), 401, "invalid_credentials")


async def succeed(tenant: Tenant, email: str, *, ip: str = HERE) -> None:
    """Send the right password; assert that it is accepted."""
    ok(await send(tenant.browser(ip=ip), email), 201)


async def limited_for(tenant: Tenant, email: str, *, ip: str = HERE, password: str = PASSWORD) -> int:
    """Send a password, assert that the rate limit refuses it, and return `Retry-After`."""
    response = await send(tenant.browser(ip=ip), email, password)
    problem = refused(response, 429, "too_many_requests")
    assert set(problem) == {"type", "title", "status", "code", "detail", "retry_after", "violated-policies"}
    return int(response.headers["retry-after"])
