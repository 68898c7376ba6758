"""The problem codes of the contract: each has a status and a page, and no others are used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core import errors
from app.core.errors import Refusal
from app.web.explanations import EXPLANATIONS
from app.web.problems import STATUS, STATUS_OF_CODE, problem_response
from tests.support.account.arrange import Tenant
from tests.support.account.client import refused

ROOT = "http://127.0.0.1:8000"
APP = Path(errors.__file__).parents[1]

# A copy of the table in docs/api.md section 10.
CODES = {
    "invalid_request": 422,
    "unsupported_media_type": 415,
    "too_large": 413,
    "not_found": 404,
    "method_not_allowed": 405,
    "unauthenticated": 401,
    "invalid_credentials": 401,
    "password_access_off": 401,
    "identity_incomplete": 403,
    "sign_in_expired": 401,
    "passcode_incorrect": 401,
    "passcode_already_used": 401,
    "step_up_required": 401,
    "forbidden": 403,
    "scope_missing": 403,
    "session_required": 403,
    "origin_not_allowed": 403,
    "two_factor_setup_required": 403,
    "only_the_user_can_turn_off": 403,
    "two_factor_required": 409,
    "already_enrolled": 409,
    "no_authenticator": 409,
    "last_authenticator": 409,
    "enrollment_expired": 410,
    "link_expired": 410,
    "report_not_ready": 409,
    "conflict": 409,
    "request_in_progress": 409,
    "idempotency_key_reused": 422,
    "answer_gone": 410,
    "precondition_failed": 412,
    "too_many_attempts": 429,
    "too_many_requests": 429,
    "unavailable": 503,
    "internal_error": 500,
}
KINDS = {kind.__name__: kind for kind in Refusal.__subclasses__()}


def codes_given() -> Iterator[tuple[str, str, str]]:
    """Yield kind, code and source location of every refusal with an explicit `code`."""
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                for keyword in node.keywords:
                    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and name in KINDS:
                        yield name, str(keyword.value.value), f"{path.name}:{node.lineno}"


def test_every_kind_of_refusal_has_a_status_and_a_code_of_the_contract() -> None:
    assert set(STATUS) == set(KINDS.values())
    for kind in KINDS.values():
        assert CODES[kind.default_code] == STATUS[kind]


def test_every_code_in_the_source_has_the_status_of_the_contract() -> None:
    given = list(codes_given())

    assert len(given) > 10
    for kind, code, place in given:
        assert CODES.get(code) == STATUS[KINDS[kind]], place


def test_every_code_is_explained_and_no_other() -> None:
    assert list(EXPLANATIONS) == list(CODES)
    for explanation in EXPLANATIONS.values():
        assert all(re.fullmatch(r"[A-Z][^\n]+", words) for words in vars(explanation).values())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_refusal_carries_the_headers_that_belong_to_its_status(kind: type[Refusal]) -> None:
    extras: dict[type[Refusal], dict[str, Any]] = {
        errors.TooMany: {"retry_after": 7},
        errors.MethodNotAllowed: {"allow": "GET"},
    }
    response = problem_response(kind("Said in prose.", **extras.get(kind, {})))
    headers = response.headers

    assert response.media_type == "application/problem+json"
    assert ("www-authenticate" in headers) == (response.status_code == 401)
    assert headers.get("www-authenticate", "Bearer ").startswith("Bearer ")
    assert ("retry-after" in headers) == (response.status_code in {429, 503})
    assert ("allow" in headers) == (response.status_code == 405)


@pytest.mark.parametrize("code", CODES)
async def test_the_type_of_every_problem_is_a_page_that_explains_it(tenant: Tenant, code: str) -> None:
    response = await tenant.browser().get(f"{ROOT}/problems/{code}")

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<script" not in response.text
    assert code in response.text


async def test_a_problem_that_does_not_exist_has_no_page(tenant: Tenant) -> None:
    for code in ("none", "Forbidden", "forbidden%2f", "<script>", "..", "%00"):
        response = await tenant.browser().get(f"{ROOT}/problems/{code}")
        refused(response, 404, "not_found")
        assert "script" not in response.text


def test_every_code_has_its_status_for_the_openapi_document() -> None:
    assert STATUS_OF_CODE == CODES
