"""Value lists in answers are open in the document, so that new values break no client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.main import create_app
from app.second_factor.kinds.registry import register_for_test
from app.services import Services
from tests.second_factor.kinds.toy.kind import TOY

# Closed for good: the discriminators of sign-in answers, values of other specifications, and `/healthz`.
FIXED = {
    *(f"{name}.status" for name in ("Complete", "CompletedByPasscode", "CompletedByEnrollment")),
    *(f"{name}.status" for name in ("PasscodeRequired", "EnrollmentRequired", "Health")),
    *(f"PublicKey.{name}" for name in ("kty", "crv", "use", "alg")),
}


@pytest.fixture(scope="session")
def document(app: FastAPI) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return found


def names_in(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for value in part.values():
            yield from names_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from names_in(value)


def models(document: dict[str, Any], part: str) -> set[str]:
    """Return the names of all schemas used in requests or in responses."""
    waiting = [
        name
        for operations in document["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
        for name in names_in(operation.get(part, {}))
    ]
    shared = document["components"]["responses"]
    waiting += [name for answer in waiting if answer in shared for name in names_in(shared[answer])]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found and name in document["components"]["schemas"]:
            found.add(name)
            waiting.extend(names_in(document["components"]["schemas"][name]))
    return found


def lists_in(schema: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every nested schema that lists its values, with the path of its field."""
    if isinstance(schema, dict):
        if {"enum", "const", "x-extensible-enum"} & set(schema):
            yield where, schema
        for name, field in schema.get("properties", {}).items():
            yield from lists_in(field, f"{where}.{name}")
        for key in ("items", "anyOf", "oneOf", "allOf"):
            yield from lists_in(schema.get(key), where)
    elif isinstance(schema, list):
        for found in schema:
            yield from lists_in(found, where)


def lists(document: dict[str, Any], part: str) -> dict[str, dict[str, Any]]:
    schemas = document["components"]["schemas"]
    return {where: found for name in models(document, part) for where, found in lists_in(schemas[name], name)}


def test_no_list_in_an_answer_is_closed(document: dict[str, Any]) -> None:
    found = lists(document, "responses")

    closed = {where for where, schema in found.items() if "x-extensible-enum" not in schema}
    assert closed == FIXED
    for where in found.keys() - closed:
        assert found[where]["type"] == "string"
        assert found[where]["examples"] == found[where]["x-extensible-enum"] != []
        assert "must accept others" in found[where]["description"]


def test_what_is_known_to_grow_is_an_open_list(document: dict[str, Any]) -> None:
    assert set(lists(document, "responses")) >= {
        "Authenticator.kind",
        "Enrollment.kind",
        "Method.kind",
        "EnrollmentRequired.allowed_kinds",
        "AllowedKinds.team_members",
        "Session.amr",
        "Session.assurance",
        "AuditEvent.type",
        "Report.status",
        "Report.type",
        "TwoFactor.status",
        "Problem.code",
        "User.role",
    }


def test_the_lists_of_requests_are_closed(document: dict[str, Any]) -> None:
    found = lists(document, "requestBody")

    assert found["NewEnrollment.kind"]["const"] == "totp"
    assert not [where for where, schema in found.items() if "x-extensible-enum" in schema]


def test_a_newly_registered_kind_is_in_the_lists_and_has_its_calls(
    services: Services, document: dict[str, Any]
) -> None:
    with register_for_test(TOY):
        grown = json.loads(json.dumps(create_app(services).openapi()))

    assert lists(grown, "requestBody")["NewEnrollment.kind"]["enum"] == ["totp", "toy"]
    assert lists(grown, "responses")["Method.kind"]["x-extensible-enum"] == ["totp", "toy"]
    assert "number" in grown["components"]["schemas"]["Enrollment"]["properties"]
    calls = {"/sign-ins/challenges", "/session/step-up/challenges"}
    assert set(grown["paths"]) - set(document["paths"]) == {f"/v1/accounts/{{account}}{call}" for call in calls}
