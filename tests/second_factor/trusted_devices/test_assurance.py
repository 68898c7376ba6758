"""A trusted device replaces neither password nor freshness (docs/api.md section 4)."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.devices import pass_passcode, trusted_person
from tests.support.account.sign_ins import credentials

STEP_UP = 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="600"'

FRESH_CALLS = [
    ("PUT", "/users/me/two-factor/turned-on", None),
    ("DELETE", "/users/me/two-factor", None),
    ("POST", "/users/me/two-factor/enrollments", {"kind": "totp"}),
    ("POST", "/users/me/two-factor/recovery-codes", None),
    ("DELETE", "/users/me/two-factor/authenticators/0192f0c0-0000-7000-8000-000000000000", None),
    ("PUT", "/users/me/password", {"current_password": PASSWORD, "new_password": "quite another password"}),
]


async def let_in_by_device(tenant: Tenant) -> SimulatedUser:
    """Return a user whose browser is signed in by password and device cookie."""
    person = await trusted_person(tenant)
    answer = await tenant.sign_in(person)
    assert answer["status"] == "complete"
    assert answer["session"]["assurance"] == "aal1"
    return person


@pytest.mark.parametrize(("method", "path", "body"), FRESH_CALLS)
async def test_a_session_by_device_is_never_fresh(
    tenant: Tenant, method: str, path: str, body: dict[str, str] | None
) -> None:
    person = await let_in_by_device(tenant)

    response = await person.browser.request(method, path, json=body)

    refused(response, 401, "step_up_required")
    assert response.headers["www-authenticate"] == STEP_UP
    assert ok(await person.browser.get("/session"))["session"]["assurance"] == "aal1"


async def test_an_admin_signed_in_by_device_cannot_change_the_policy(tenant: Tenant) -> None:
    admin = await tenant.enrolled(Role.ADMIN)
    await pass_passcode(tenant, admin, admin.browser)
    await tenant.sign_in(admin)

    response = await admin.browser.patch("/security-policy", json={"trusted_device_days": 1})

    refused(response, 401, "step_up_required")
    await tenant.step_up(admin)
    ok(await admin.browser.patch("/security-policy", json={"trusted_device_days": 1}))


async def test_a_session_by_device_shows_only_a_password(tenant: Tenant) -> None:
    person = await let_in_by_device(tenant)

    session = ok(await person.browser.get("/session"))["session"]

    assert session["amr"] == ["pwd"]
    assert session["assurance"] == "aal1"
    assert session["second_factor_at"] is None


async def test_neither_device_nor_password_steps_up_a_session_by_device(tenant: Tenant) -> None:
    person = await let_in_by_device(tenant)

    refused(await person.browser.post("/session/step-up", json={"password": PASSWORD}), 422, "invalid_request")
    refused(await person.browser.post("/session/step-up", json={}), 422, "invalid_request")

    assert ok(await person.browser.get("/session"))["session"]["assurance"] == "aal1"


async def test_a_step_up_makes_a_session_by_device_aal2(tenant: Tenant) -> None:
    person = await let_in_by_device(tenant)

    await tenant.step_up(person)

    session = ok(await person.browser.get("/session"))["session"]
    assert (session["amr"], session["assurance"]) == (["pwd", "otp"], "aal2")
    ok(await person.browser.post("/users/me/two-factor/recovery-codes"), 201)


async def test_a_trusted_device_does_not_replace_the_password(tenant: Tenant) -> None:
    person = await trusted_person(tenant)

    for password in ("a wrong password", ""):
        body = credentials(person, password=password)
        refused(await person.browser.post("/sign-ins", json=body), 401, "invalid_credentials")
    refused(await person.browser.post("/sign-ins", json={"email": person.user.email}), 422, "invalid_request")


async def test_a_session_by_device_trusts_no_other_device(tenant: Tenant) -> None:
    person = await let_in_by_device(tenant)

    assert len(ok(await person.browser.get("/users/me/trusted-devices"))["items"]) == 1
    assert (await tenant.sign_in(person, tenant.browser()))["status"] == "passcode_required"
