"""Wrong types, formats and names of fields are refused with a pointer, and not echoed."""

from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import refused
from tests.web.route_table import SOME_ID, WITH_BODY, Call

MARKER = "mArKeR"
ARABIC = "\u0661\u0662\u0663\u0664\u0665\u0666"
FULL_WIDTH = "\uff11\uff12\uff13\uff14\uff15\uff16"

NOT_TEXT: list[Any] = [12, 1.5, True, [], {}, ["mArKeR"], {"mArKeR": "mArKeR"}]
NOT_BOOL: list[Any] = [1, 0, 1.0, "true", "yes", "mArKeR", "", [], {}]
NOT_OBJECT: list[Any] = [1, True, "mArKeR", [], ["mArKeR"], {"mArKeR": True}]
NO_CHOICE: list[Any] = [*NOT_TEXT, "", "mArKeR", "TOTP", " totp", "totp\n"]

NO_ID: list[Any] = [
    *NOT_TEXT,
    "",
    "mArKeR",
    SOME_ID[:-1],
    SOME_ID + "0",
    SOME_ID.replace("0", "\uff10"),
    SOME_ID.replace("0", "_"),
]

# Wrong values of each field. None is added where a field may not be null.
WRONG: dict[str, list[Any]] = {
    "email": [*NOT_TEXT, "mArKeR" * 60],
    "password": [*NOT_TEXT, "mArKeR" * 200],
    "device_token": [*NOT_TEXT, "mArKeR" * 50],
    "sign_in_token": [*NOT_TEXT, "mArKeR" * 30],
    "passcode": [
        *NOT_TEXT,
        123456,
        ARABIC,
        FULL_WIDTH,
        "12345\uff16",
        "12345",
        "1234567",
        "123456\n",
        "123 45",
        "123\t456",
        " " * 60 + "123456",
        "+12345",
        "-12345",
        "1e5",
        "0x1234",
        "",
        "mArKeR",
        "mArKeR" * 2_000,
        "uuuuuuu-uuuuuuu",
        "aaaaaaa_aaaaaaa",
        f"aaaaaaa-aaaaaa{FULL_WIDTH[0]}",
    ],
    "authenticator_id": NO_ID,
    "user_id": NO_ID,
    "name": [*NOT_TEXT, "", "mArKeR\n", "mArKeR\u202e", "mArKeR" * 34],
    "role": [*NO_CHOICE, "OWNER", " agent"],
    "status": [*NO_CHOICE, "deleted"],
    "external_id": [*NOT_TEXT, "", "mArKeR\t", "mArKeR" * 43],
    "locale": [*NOT_TEXT, "", "mArKeR", "en\n", "en-", "en_GB", ARABIC],
    "audience": [*NOT_TEXT, "", "mArKeR", "//mArKeR.example", "ftp://mArKeR.example", "https://mArKeR.example#a"],
    "remember_device": NOT_BOOL,
    "device_storage": NO_CHOICE,
    "kind": NO_CHOICE,
    "label": [*NOT_TEXT, "", " \t\n", "  ", "mArKeR\n", "mArKeR\u202e", "mArKeR" * 11],
    "passcode_frequency": NO_CHOICE,
    "current_password": [*NOT_TEXT, "mArKeR" * 200],
    "new_password": [*NOT_TEXT, "mArKeR" * 200],
    "reason": [*NOT_TEXT, "", "  ", "mArKeR\n", "mArKeR\u202e", "mArKeR" * 100],
    "trusted_device_days": ["12", "mArKeR", 1.0, 12.5, True, -1, 31, 10**20, -(10**4000), ARABIC, [], {}, [7]],
    "api_password_access": NOT_BOOL,
    "end_sessions": NOT_BOOL,
    "require_two_factor": [*NOT_OBJECT, {"team_members": 1}, {"end_users": "yes"}, {"end_users": None}],
    "token": [*NOT_TEXT, "mArKeR" * 3_000],
    "description": [*NOT_TEXT, "", "  ", "mArKeR\n", "mArKeR\u202e", "mArKeR" * 40],
    "scopes": [*NOT_OBJECT, [], "api", ["mArKeR"], ["api", "mArKeR"], ["api"] * 17, [["api"]]],
    "expires_at": [*NOT_TEXT, "", "mArKeR", "2030-01-01", "2030-01-01T00:00:00", "1893456000", "tomorrow"],
    "type": NO_CHOICE,
    "include_end_users": NOT_BOOL,
    "id_token": [*NOT_TEXT, "", "mArKeR" * 3_000],
    "nonce": [*NOT_TEXT, "mArKeR" * 30],
    "provider": [*NOT_TEXT, "", "mArKeR" * 11],
    "code": [*NOT_TEXT, "mArKeR" * 30],
    "create_users": NOT_BOOL,
    "default_role": [*NO_CHOICE, "OWNER", "owner"],
    "roles": [*NOT_OBJECT, [], "agent", ["mArKeR"], ["agent", "mArKeR"], ["agent"] * 5, [["agent"]]],
    "trusted_domains": [1, {}, "example.com", ["mArKeR@example.com"], ["*.mArKeR.example"], [""], ["a b"], [[]]],
    "secret": [*NOT_TEXT, "", "mArKeR", "mArKeR" * 200, "-----BEGIN mArKeR PUBLIC KEY-----"],
    "allowed_kinds": [*NOT_OBJECT, {"team_members": []}, {"end_users": ["mArKeR"]}, {"end_users": "totp"}],
}
NULLABLE = {"device_token", "authenticator_id", "external_id", "expires_at"}
OPTIONAL: dict[str, dict[str, Any]] = {
    "POST /sign-ins": {"device_token": "x"},
    "POST /sign-ins/passcode": {"remember_device": True, "device_storage": "cookie", "authenticator_id": SOME_ID},
    "POST /sign-ins/enrollments": {"label": "Phone"},
    "POST /sign-ins/enrollments/{id}/confirmation": {"remember_device": True, "device_storage": "cookie"},
    "POST /session/step-up": {"password": "x"},
    "POST /users/me/two-factor/enrollments": {"label": "Phone"},
    "POST /api-tokens": {"expires_at": "2030-01-01T00:00:00Z"},
    "POST /reports": {"include_end_users": False},
    "PATCH /security-policy": {
        "api_password_access": False,
        "end_sessions": False,
        "require_two_factor": {},
        "allowed_kinds": {},
    },
    "PUT /sso-providers/{name}": {
        "create_users": False,
        "default_role": "agent",
        "roles": ["agent"],
        "trusted_domains": ["example.com"],
    },
    "POST /users": {"external_id": "crm-1", "locale": "de-AT"},
    "PATCH /users/{id}": {"role": "agent", "status": "active", "external_id": "crm-1", "email": "a@example.com"},
}
# Additional wrong values where a call is stricter.
STRICTER = {
    "POST /sign-ins/jwt": {"token": [""]},
    "POST /users": {
        "email": ["", "mArKeR", "mArKeR@", "@mArKeR.example", "mArKeR @example.com", "a@b@mArKeR.example"]
    },
    "PATCH /users/{id}": {"email": ["", "mArKeR"]},
}
# A recovery code does not confirm an enrollment; only a passcode of the new authenticator does.
WRONG_DIGITS = [*WRONG["passcode"], "0123456-789abcd"]

each_call = pytest.mark.parametrize(
    "call", [call for call in WITH_BODY if call.session], ids=lambda call: call.name
)


@pytest.fixture
async def caller(tenant: Tenant) -> SimulatedUser:
    return await tenant.signed_in(Role.OWNER)


async def send(caller: SimulatedUser, call: Call, body: Any, **arguments: Any) -> httpx.Response:
    response = await caller.browser.request(call.method, call.sent_to, json=body, **arguments)
    assert MARKER not in response.text
    assert MARKER not in str(response.headers)
    return response


async def pointers(caller: SimulatedUser, call: Call, body: Any) -> list[tuple[str, str]]:
    problem = refused(await send(caller, call, body), 422, "invalid_request")
    assert "mArKeR" not in str(problem)
    return [(error["pointer"], error["code"]) for error in problem["errors"]]


@each_call
async def test_a_field_of_the_wrong_type_or_form_is_named_and_not_converted(
    caller: SimulatedUser, call: Call
) -> None:
    valid = {**(call.body or {}), **OPTIONAL.get(call.name, {})}
    if call.path == "/session/step-up":
        valid = dict(call.body or {})
    for field in valid:
        wrong = WRONG_DIGITS if field == "passcode" and "confirmation" in call.path else WRONG[field]
        wrong = [*wrong, *STRICTER.get(call.name, {}).get(field, [])]
        nullable = field in NULLABLE or call.path == "/session/step-up"
        for value in wrong if nullable else [*wrong, None]:
            found = await pointers(caller, call, valid | {field: value})
            assert found, (field, value)
            assert all(pointer == f"/{field}" or pointer.startswith(f"/{field}/") for pointer, _ in found), found
            assert all(part.isalnum() or "_" in part for pointer, _ in found for part in pointer[1:].split("/"))


@each_call
async def test_an_unknown_field_is_refused_without_its_name(caller: SimulatedUser, call: Call) -> None:
    for name in ("mArKeR", "is_owner", "account_id", "__proto__", "", "a/b~c", "\U0001f511" * 100):
        found = await pointers(caller, call, {**(call.body or {}), name: "mArKeR"})
        assert ("", "unknown_field") in found
    for field in call.body or {}:
        found = await pointers(caller, call, {**(call.body or {}), field.upper(): "mArKeR"})
        assert ("", "unknown_field") in found


@each_call
async def test_each_missing_required_field_is_named(caller: SimulatedUser, call: Call) -> None:
    body = call.body or {}
    optional = call.method == "PATCH" or call.path == "/session/step-up"
    for field in () if optional else body:
        found = await pointers(caller, call, {name: value for name, value in body.items() if name != field})
        assert found == [(f"/{field}", "missing")]


@each_call
async def test_a_body_that_is_no_object_is_refused(caller: SimulatedUser, call: Call) -> None:
    for value in ([], [call.body], "mArKeR", "", 0, 1.5, True, False, ["mArKeR"]):
        found = await pointers(caller, call, value)
        assert found == [("", "wrong_type")], value
    for headers in ({}, {"Content-Type": "application/json"}):
        response = await caller.browser.request(call.method, call.sent_to, headers=headers)
        assert [error["code"] for error in refused(response, 422, "invalid_request")["errors"]] == ["missing"]
    found = await pointers(caller, call, None)
    assert found == [("", "missing")]


async def test_an_unknown_nested_field_is_refused_at_its_parent(caller: SimulatedUser) -> None:
    response = await caller.browser.patch("/security-policy", json={"require_two_factor": {"mArKeR": True}})

    problem = refused(response, 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/require_two_factor"]
    assert MARKER not in response.text


async def test_a_wrong_list_item_is_named_by_its_index(caller: SimulatedUser) -> None:
    response = await caller.browser.patch(
        "/security-policy", json={"allowed_kinds": {"end_users": ["totp", "mArKeR"]}}
    )

    problem = refused(response, 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/allowed_kinds/end_users/1"]
    assert MARKER not in response.text


@pytest.mark.parametrize("path", ["/users/me/sessions", "/users/me/trusted-devices"])
async def test_limit_must_be_a_plain_number_and_cursor_a_valid_one(caller: SimulatedUser, path: str) -> None:
    wrong = ("0", "101", "-1", "1.0", "1e1", "0x10", "+5", "1_0", " 5", "", "mArKeR", ARABIC, "9" * 5000, "true")
    for limit in wrong:
        response = await caller.browser.get(path, params={"limit": limit})
        problem = refused(response, 422, "invalid_request")
        assert [error["pointer"] for error in problem["errors"]] == ["/limit"], limit
        assert MARKER not in response.text
    for cursor in (
        "mArKeR",
        "",
        "A" * 21,
        "A" * 23,
        "A" * 65,
        "\x00",
        "ä" * 22,
        "A" * 21 + "=",
        "A" * 20 + "+/",
        ARABIC,
    ):
        response = await caller.browser.get(path, params={"cursor": cursor})
        problem = refused(response, 422, "invalid_request")
        assert [error["pointer"] for error in problem["errors"]] == ["/cursor"], cursor
        assert MARKER not in response.text


async def test_a_flag_in_a_query_is_true_or_false(caller: SimulatedUser) -> None:
    for value in ("mArKeR", "2", "", "None", "\uff11"):
        response = await caller.browser.get("/security-policy/preview", params={"team_members": value})
        problem = refused(response, 422, "invalid_request")
        assert [error["pointer"] for error in problem["errors"]] == ["/team_members"], value
        assert MARKER not in response.text


async def test_no_path_query_or_header_is_echoed(caller: SimulatedUser) -> None:
    for path in (
        "/mArKeR",
        "/users/mArKeR/two-factor",
        "/users/me/sessions/mArKeR",
        "/users/me/sessions/%00mArKeR",
        "/users/me/sessions/%ffmArKeR",
        "/users/me/two-factor/authenticators/mArKeR",
        "/session?mArKeR=mArKeR",
        "http://127.0.0.1:8000/mArKeR",
        "http://127.0.0.1:8000/problems/mArKeR",
        "http://127.0.0.1:8000/v1/accounts/mArKeR/session",
        "http://127.0.0.1:8000/healthz?mArKeR",
    ):
        for method in ("GET", "DELETE", "PUT", "mArKeR"):
            headers = {
                "If-Match": '"mArKeR"',
                "Accept": "mArKeR/*",
                "Origin": "https://mArKeR",
                "Cookie": "mArKeR=1",
            }
            response = await caller.browser.request(method, path, headers=headers | {"X-Request-ID": "mArKeR/"})
            assert response.status_code < 500
            assert MARKER not in response.text
            assert MARKER not in str(response.headers)


async def test_a_malformed_passcode_does_not_count_as_an_attempt(tenant: Tenant) -> None:
    enrolled = await tenant.enrolled()
    token = await tenant.asked(enrolled)
    browser = tenant.browser()
    for passcode in [*WRONG["passcode"], None] * 2:
        body = {"sign_in_token": token, "passcode": passcode}
        refused(await browser.post("/sign-ins/passcode", json=body), 422, "invalid_request")

    body = {"sign_in_token": token, "passcode": enrolled.authenticator.next_passcode()}
    assert (await browser.post("/sign-ins/passcode", json=body)).status_code == 201
