"""The errors of fields say what is allowed, and never what was sent."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused

LIMIT = "A limit is a number from 1 to 100."
NEW_USER = {"email": "new@example.com", "name": "New", "role": "agent"}
SIGN_IN = {"email": "a@example.com", "password": "x"}


async def texts(person: SimulatedUser, method: str, path: str, **arguments: Any) -> list[str]:
    """Return the details of the errors."""
    response = await person.browser.request(method, path, **arguments)
    problem = refused(response, 422, "invalid_request")
    assert "mArKeR" not in response.text
    return [error["detail"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/users", NEW_USER | {"email": "mArKeR"}, "An e-mail address is like name@example.com."),
        ("POST", "/users", NEW_USER | {"name": ""}, "The text must have 1 or more characters."),
        ("POST", "/users", NEW_USER | {"name": "mArKeR" * 40}, "The text must have 200 or fewer characters."),
        (
            "POST",
            "/users",
            NEW_USER | {"name": "mArKeR\n"},
            "Control characters, line breaks and text direction controls are refused.",
        ),
        ("POST", "/users", NEW_USER | {"role": "mArKeR"}, "'owner', 'admin', 'agent' or 'end_user'"),
        (
            "POST",
            "/users",
            NEW_USER | {"external_id": "mArKeR\t"},
            "The text must have no control characters, line breaks or bidirectional controls.",
        ),
        ("PATCH", "/security-policy", {"trusted_device_days": 31}, "The number must be 30 or less."),
        ("PATCH", "/security-policy", {"trusted_device_days": -1}, "The number must be 0 or more."),
        ("PATCH", "/security-policy", {"trusted_device_days": "mArKeR"}, "This must be a whole number."),
        ("PATCH", "/security-policy", {"end_sessions": "mArKeR"}, "This must be true or false."),
        ("PATCH", "/security-policy", {"require_two_factor": 1}, "This must be an object."),
        ("PATCH", "/security-policy", {"allowed_kinds": {"end_users": []}}, "The list must have 1 or more items."),
        ("PATCH", "/security-policy", {"allowed_kinds": {"end_users": ["mArKeR"]}}, "must be one of: totp."),
        ("POST", "/session/step-up", {"passcode": "mArKeR"}, "A passcode is six digits, or a recovery code."),
        ("POST", "/session/step-up", {"password": "mArKeR" * 200}, "1024 or fewer characters"),
        ("POST", "/session/step-up", {"password": "ä" * 600}, "1,024 or fewer bytes in UTF-8"),
        ("POST", "/ownership", {"user_id": "mArKeR"}, "This must be an id: a UUID."),
        ("POST", "/ownership", {}, "This field is required."),
        ("POST", "/api-tokens", {"description": "x", "scopes": ["mArKeR"]}, "'users:read'"),
        ("POST", "/api-tokens", {"description": 7, "scopes": ["api"]}, "This must be a text."),
        (
            "POST",
            "/api-tokens",
            {"description": "x", "scopes": ["api"], "expires_at": "mArKeR"},
            "This must be a time like 2030-01-31T12:00:00Z",
        ),
        (
            "POST",
            "/api-tokens",
            {"description": "x", "scopes": ["api"], "expires_at": "0001-01-01T00:00:00+14:00"},
            "The year must be from 1 to 9999.",
        ),
        ("POST", "/session/identity-token", {"audience": "mArKeR"}, "https://api.example.com"),
    ],
)
async def test_a_wrong_value_is_answered_with_what_is_allowed(
    owner: SimulatedUser, method: str, path: str, body: dict[str, Any], expected: str
) -> None:
    [found] = await texts(owner, method, path, json=body)

    assert expected in found


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("1000", LIMIT), ("mArKeR", LIMIT), ("0", "The number must be 1 or more."), ("101", "100 or less")],
)
async def test_a_wrong_limit_is_answered_with_the_range(owner: SimulatedUser, limit: str, expected: str) -> None:
    [found] = await texts(owner, "GET", "/users", params={"limit": limit})

    assert expected in found


async def test_a_wrong_filter_is_answered_with_the_values(owner: SimulatedUser) -> None:
    [found] = await texts(owner, "GET", "/users", params={"two_factor": "mArKeR"})

    assert found == "This must be one of: 'off', 'on', 'setup_required' or 'not_applicable'."


async def test_an_unknown_field_is_answered_with_the_known_ones(owner: SimulatedUser) -> None:
    [found] = await texts(owner, "POST", "/sign-ins", json=SIGN_IN | {"mArKeR": 1, "other": 2})

    assert found == (
        "There is a field here that this call does not know. It knows: email, password, device_token."
    )


async def test_an_unknown_nested_field_is_answered_with_the_known_ones_of_its_object(owner: SimulatedUser) -> None:
    body = {"require_two_factor": {"mArKeR": True}, "mArKeR": 1}
    nested, outer = await texts(owner, "PATCH", "/security-policy", json=body)

    assert nested.endswith("It knows: team_members, end_users.")
    assert "It knows: require_two_factor, api_password_access, " in outer


async def test_thousands_of_unknown_fields_are_one_error(owner: SimulatedUser) -> None:
    response = await owner.browser.post("/sign-ins", json={f"x{number}": 1 for number in range(6_000)})

    problem = refused(response, 422, "invalid_request")
    assert [error["code"] for error in problem["errors"]] == ["missing", "missing", "unknown_field"]
    assert len(response.content) < 1_000


async def test_a_missing_body_is_named(owner: SimulatedUser) -> None:
    assert await texts(owner, "POST", "/sign-ins") == ["This call needs a body: a JSON object."]


async def test_a_passcode_with_spaces_confirms_an_enrollment(tenant: Tenant) -> None:
    person = await tenant.signed_in(Role.AGENT)
    begun = ok(await person.browser.post("/users/me/two-factor/enrollments", json={"kind": "totp"}), 201)
    passcode = AuthenticatorApp(begun["secret"], tenant.clock).passcode()
    path = f"/users/me/two-factor/enrollments/{begun['id']}/confirmation"
    [found] = await texts(person, "POST", path, json={"passcode": "0123456-789abcd"})
    assert found == "A passcode is six digits. Spaces do not matter."

    ok(await person.browser.post(path, json={"passcode": f"{passcode[:3]} {passcode[3:]}"}), 201)
