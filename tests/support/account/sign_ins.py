"""Common steps of the sign-in tests, over HTTP."""

from typing import Any

import httpx
from sqlalchemy import update

from app.database.tables import users
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import Client, ok


def credentials(person: SimulatedUser, **changes: str) -> dict[str, str]:
    """Return the body of POST /sign-ins with the person's credentials."""
    return {"email": person.user.email, "password": PASSWORD} | changes


async def submit(browser: Client, sign_in_token: str, passcode: Any, **body: Any) -> httpx.Response:
    """Send a passcode, and return the response, success or refusal."""
    given = {"sign_in_token": sign_in_token, "passcode": passcode} | body
    return await browser.post("/sign-ins/passcode", json=given)


async def set_status(tenant: Tenant, person: SimulatedUser, status: str) -> None:
    """Set only the status, directly in the table, to test the effect of the status alone."""
    query = update(users).where(users.c.account_id == tenant.account.id, users.c.id == person.user.id)
    async with tenant.services.database.begin() as tx:
        await tx.execute(query.values(status=status))


async def begin_demanded_enrollment(
    tenant: Tenant, person: SimulatedUser, browser: Client | None = None
) -> dict[str, Any]:
    """Sign in, begin the required enrollment, and return it with its sign-in token."""
    browser = browser or person.browser
    answer = await tenant.sign_in(person, browser)
    assert answer["status"] == "enrollment_required"
    body = {"sign_in_token": answer["sign_in_token"], "kind": "totp", "label": "Phone"}
    begun: dict[str, Any] = ok(await browser.post("/sign-ins/enrollments", json=body), 201)
    return begun | {"sign_in_token": answer["sign_in_token"]}


async def begin_again(browser: Client, begun: dict[str, Any]) -> dict[str, Any]:
    """Begin another enrollment in the same sign-in."""
    body = {"sign_in_token": begun["sign_in_token"], "kind": "totp"}
    again: dict[str, Any] = ok(await browser.post("/sign-ins/enrollments", json=body), 201)
    return again | {"sign_in_token": begun["sign_in_token"]}


async def confirm(browser: Client, begun: dict[str, Any], passcode: Any, **body: Any) -> httpx.Response:
    """Confirm an enrollment at sign-in, and return the response, success or refusal."""
    given = {"sign_in_token": begun["sign_in_token"], "passcode": passcode} | body
    return await browser.post(f"/sign-ins/enrollments/{begun['id']}/confirmation", json=given)


async def enroll_on_demand(
    tenant: Tenant, person: SimulatedUser, browser: Client | None = None, **body: Any
) -> dict[str, Any]:
    """Sign in with the enrollment that the account requires; the browser is then signed in."""
    browser = browser or person.browser
    begun = await begin_demanded_enrollment(tenant, person, browser)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    answer: dict[str, Any] = ok(await confirm(browser, begun, app.passcode(), **body), 201)
    browser.token = answer["session"]["token"]
    person.app, person.recovery_codes = app, answer["recovery_codes"]
    tenant.clock.turn(seconds=30)  # so that the next passcode is a new one
    return answer
