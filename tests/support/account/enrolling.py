"""Enrolling step by step, in a session or at sign-in."""

from typing import Any

import httpx

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok

ENROLLMENTS = "/users/me/two-factor/enrollments"


async def begin(person: SimulatedUser, **body: Any) -> dict[str, Any]:
    """Begin an enrollment in the person's session, and return it."""
    given = {"kind": "totp", "label": "Phone"} | body
    begun: dict[str, Any] = ok(await person.browser.post(ENROLLMENTS, json=given), 201)
    return begun


async def confirm(
    person: SimulatedUser,
    enrollment: dict[str, Any],
    passcode: str,
    *,
    headers: dict[str, str] | None = None,
    **body: Any,
) -> httpx.Response:
    """Send a passcode for an enrollment; the device is trusted only with `remember_device=True`."""
    path = f"{ENROLLMENTS}/{enrollment['id']}/confirmation"
    given = {"passcode": passcode, "remember_device": False} | body
    return await person.browser.post(path, json=given, headers=headers or {})


def app_of(tenant: Tenant, enrollment: dict[str, Any]) -> AuthenticatorApp:
    """Return an authenticator app with the enrollment's secret."""
    return AuthenticatorApp(enrollment["secret"], tenant.clock)


async def enroll_at_sign_in(tenant: Tenant, person: SimulatedUser) -> dict[str, Any]:
    """Sign a person in by the enrollment that the account requires; it does not turn 2FA on."""
    waiting = await tenant.sign_in(person)
    assert waiting["status"] == "enrollment_required"
    sign_in = {"sign_in_token": waiting["sign_in_token"]}
    begun = ok(await person.browser.post("/sign-ins/enrollments", json=sign_in | {"kind": "totp"}), 201)
    app = app_of(tenant, begun)
    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    body = sign_in | {"passcode": app.passcode(), "remember_device": False}
    completed: dict[str, Any] = ok(await person.browser.post(path, json=body), 201)
    person.browser.token = completed["session"]["token"]
    person.app = app
    person.recovery_codes = completed["recovery_codes"]
    tenant.clock.turn(seconds=30)
    return completed


async def enrolled_because_required(tenant: Tenant, role: Role = Role.AGENT) -> SimulatedUser:
    """Return a new user who enrolled at sign-in because the account requires 2FA of their role."""
    person = await tenant.person(role)
    await enroll_at_sign_in(tenant, person)
    return person


async def authenticator_ids(person: SimulatedUser) -> list[str]:
    """Return the ids of the person's authenticators, oldest first."""
    shown = ok(await person.browser.get("/users/me/two-factor"))
    return [found["id"] for found in shown["authenticators"]]
