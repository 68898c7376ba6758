"""The OpenAPI document is complete, free of framework names, and matches the real answers."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from lxml import etree

from tests.support.account.arrange import Tenant
from tests.support.account.client import ok
from tests.support.account.reports import COLUMNS
from tests.support.account.variants import HTTPS_URL, with_settings
from tests.support.observe.declared_codes import codes_of
from tests.web.documented import Documented
from tests.web.route_table import BROWSER, CALLS, EVERYBODY, ROOT

ALWAYS = {"404", "413", "415", "422", "500", "503"}
Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="session")
def document(app: FastAPI) -> dict[str, Any]:
    # Through JSON, as a client reads it.
    found: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return found


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


async def test_the_document_is_served_as_it_is_generated(tenant: Tenant, document: dict[str, Any]) -> None:
    response = await tenant.browser().get("http://127.0.0.1:8000/openapi.json")

    assert response.headers["content-type"] == "application/json"
    assert ok(response) == document
    assert document["openapi"].startswith("3.1.")


def test_every_call_has_an_operation_id_of_its_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]

    assert (
        len(ids) == len(set(ids)) == len(CALLS) + len(BROWSER) + len(ROOT) - 4
    )  # without the document, the /docs pages and /client-address
    assert all(re.fullmatch("[a-z][a-zA-Z]+", operation_id) for operation_id in ids)
    # A name that changes breaks every generated client.
    assert sorted(ids) == Path(__file__).with_name("operation_ids.txt").read_text().split()


def test_every_call_under_an_account_lists_the_problems_that_it_can_answer(document: dict[str, Any]) -> None:
    fitting = Documented(document)
    for path, _, operation in operations(document):
        responses = operation["responses"]
        if path.startswith("/v1/"):
            assert set(responses) >= ALWAYS, path
        for status, answer in responses.items():
            if int(status) >= 400:
                shared = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
                assert list(shared["content"]) == ["application/problem+json"]
                model = {"422": "ValidationProblem", "429": "LimitProblem"}.get(status, "Problem")
                content = shared["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": f"#/components/schemas/{model}"}
                for code, example in content["examples"].items():
                    assert f"`{code}`: " in shared["description"]
                    assert (example["value"]["code"], str(example["value"]["status"])) == (code, status)
                    fitting.validate(example["value"], content["schema"], code)


def test_nothing_of_the_framework_is_in_the_document(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert not {"HTTPValidationError", "ValidationError", "SixDigits", "RecoveryCode"} & set(schemas)
    for word in ("PlainValidator", "function-", "Input", "Output", "app.", "pydantic", "-Body"):
        assert word not in "".join(schemas)
    assert all(re.fullmatch("[A-Z][A-Za-z]+(_[A-Z][A-Za-z]+_)?", name) for name in schemas)


def test_every_reference_leads_somewhere_and_every_component_is_referred_to(document: dict[str, Any]) -> None:
    components = document["components"]
    kept = {f"#/components/{kind}/{name}" for kind in components for name in components[kind]}
    kept = {name for name in kept if "/securitySchemes/" not in name}

    mapped = {"#/components/schemas/Complete"}
    assert set(references(document)) | mapped == kept


def test_every_name_in_a_path_is_a_parameter(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method == "parameters":
                continue
            given = [found for found in [*shared, *operation.get("parameters", [])] if found["in"] == "path"]
            assert sorted(found["name"] for found in given) == sorted(re.findall("{([^}]+)}", path))
            assert all(found["required"] for found in given)


def test_every_call_says_which_credentials_it_accepts_and_that_it_needs_none(document: dict[str, Any]) -> None:
    calls = {(call.method.lower(), re.sub("{[^}]+}", "{}", call.path)): call for call in CALLS}
    for path, method, operation in operations(document):
        call = calls.get((method, re.sub("{[^}]+}", "{}", path.removeprefix("/v1/accounts/{account}"))))
        accepted = [name for scheme in operation["security"] for name in scheme]
        wanted = []
        if call is not None and call.roles:
            offered = {"session": call.session, "api_token": call.scope is not None, "password": call.password}
            wanted = [name for name, is_accepted in offered.items() if is_accepted]
        assert accepted == wanted, path

    schemes = document["components"]["securitySchemes"]
    assert {name: scheme["scheme"] for name, scheme in schemes.items()} == {
        "session": "bearer",
        "api_token": "basic",
        "password": "basic",
    }


def test_a_body_takes_no_unknown_field_and_promises_no_default_that_a_patch_does_not_have(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    for path, method, operation in operations(document):
        if (
            "requestBody" not in operation or operation["operationId"] == "finishSamlLogin"
        ):  # a form that SAML defines
            continue
        assert list(operation["requestBody"]["content"]) == ["application/json"]
        schema = schemas[
            operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        ]
        nested = [schemas[reference.rpartition("/")[2]] for reference in references(schema)]
        for found in (schema, *nested):
            assert found["additionalProperties"] is False, path
            if method == "patch":
                assert "required" not in found
                defaults = {name for name, field in found["properties"].items() if "default" in field}
                assert defaults <= {"end_sessions"}, path


def test_every_body_and_answer_has_an_example_that_fits_and_holds_no_real_secret(document: dict[str, Any]) -> None:
    fitting = Documented(document)
    for _, _, operation in operations(document):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for kind, content in part.get("content", {}).items():
                if content.get("schema"):
                    fitting.validate(content["example"], content["schema"], operation["operationId"])
                    assert not re.search("pg[a-z]_(?!([0-]*[.])?A{43})", json.dumps(content["example"]))
                    assert content["example"]
                if kind == "text/csv":
                    assert next(csv.reader(io.StringIO(content["example"], newline=""))) == COLUMNS
                if kind.endswith("xml"):
                    etree.fromstring(content["example"])


def test_every_answer_names_its_headers(document: dict[str, Any]) -> None:
    always = {"X-Request-ID", "X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security", "Vary"}
    limits = {"RateLimit", "RateLimit-Policy"}
    retried = {"passcode_already_used", "too_many_attempts", "too_many_requests", "unavailable"}
    for shared in document["components"]["responses"].values():
        headers = set(shared["headers"])
        examples = shared["content"]["application/problem+json"]["examples"]
        [status] = {example["value"]["status"] for example in examples.values()}
        assert headers >= always | {"Cache-Control", "Deprecation", "Passgate-Test-Account"}
        assert ("WWW-Authenticate" in headers) == (status == 401)
        assert ("Retry-After" in headers) == (not retried.isdisjoint(examples))
        assert {code for code, example in examples.items() if "retry_after" in example["value"]} == (
            retried & set(examples)
        )
        assert headers & limits == (limits if status == 429 else set())

    named: dict[str, set[str]] = {}
    for path, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) < 400:
                headers = set(answer["headers"])
                assert ("Passgate-Test-Account" in headers) == path.startswith("/v1/accounts/{account}")
                assert headers >= always
                assert ("Deprecation" in headers) == ({"password": []} in operation["security"])
                for header in headers - always - {"Cache-Control", "Deprecation", "Passgate-Test-Account"}:
                    named.setdefault(header, set()).add(operation["operationId"])

    logins = {"beginLogin", "finishLogin", "finishSamlLogin"}
    assert named.pop("Location") == {"inviteUser", "makeServiceAccount", "requestReport"} | logins
    files = {"getLinkPageAsset"}
    assert named.pop("ETag") == {"getSecurityPolicy", "changeSecurityPolicy"} | files
    assert named.pop("Last-Modified") == named.pop("Accept-Ranges") == files
    assert named.pop("Retry-After") == {"requestReport"}
    assert named.pop("Content-Security-Policy") == {"getLinkPage", "explainProblem"}
    assert {"submitPasscode", "confirmEnrollmentAtSignIn"} | logins < named.pop("Set-Cookie")
    assert named.pop("Content-Disposition") == {"downloadReport", "downloadReportByLink"}
    assert len(named) == 5
    assert all(header.startswith("Passgate-") for header in named)


def test_submitting_a_passcode_shows_which_codes_it_can_answer(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/accounts/{account}/sign-ins/passcode"]["post"]
    codes = {status: codes_of(document, operation, status) for status in ("401", "409", "429")}

    assert codes == {
        "401": {"sign_in_expired", "passcode_incorrect", "passcode_already_used"},
        "409": {"no_authenticator"},
        "429": {"too_many_attempts"},
    }


def test_the_codes_of_the_check_of_the_caller_are_those_of_the_route_table(document: dict[str, Any]) -> None:
    calls = {(call.method.lower(), re.sub("{[^}]+}", "{}", call.path)): call for call in CALLS}
    for path, method, operation in operations(document):
        call = calls.get((method, re.sub("{[^}]+}", "{}", path.removeprefix("/v1/accounts/{account}"))))
        if call is None or not call.roles:
            continue
        unauthenticated, forbidden = (codes_of(document, operation, status) for status in ("401", "403"))
        assert unauthenticated >= {"unauthenticated", "invalid_credentials", "password_access_off"}
        assert ("step_up_required" in unauthenticated) == (call.fresh != "no"), path
        assert ("scope_missing" in forbidden) == (call.scope is not None), path
        assert ("session_required" in forbidden) == (call.scope is None or not call.password), path
        assert "forbidden" in forbidden or call.roles == EVERYBODY, path
        assert "too_many_requests" in codes_of(document, operation, "429"), path


def test_the_answer_to_a_sign_in_is_one_of_three_that_its_status_tells_apart(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    answers = {"Complete": "complete", "PasscodeRequired": "passcode_required"}
    answers["EnrollmentRequired"] = "enrollment_required"

    assert schemas["SignInAnswer"]["oneOf"] == [{"$ref": f"#/components/schemas/{name}"} for name in answers]
    assert schemas["SignInAnswer"]["discriminator"]["propertyName"] == "status"
    for name, status in answers.items():
        assert schemas[name]["properties"]["status"]["const"] == status
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"])
    for path in ("/sign-ins", "/sign-ins/assertions"):
        created = document["paths"]["/v1/accounts/{account}" + path]["post"]["responses"]["201"]
        assert created["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/SignInAnswer"}


def parts(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from parts(value)


def test_no_answer_has_a_default_and_no_union_has_to_be_guessed(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    sent = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    for name, schema in schemas.items():
        for part in parts(schema):
            assert name in sent or "default" not in part, name
            assert not {"ge", "le", "gt", "lt"} & set(part), name
            assert len([found for found in part.get("anyOf", ()) if found.get("type") != "null"]) <= 1, name
            assert "oneOf" not in part or "discriminator" in part, name


def test_parameters_of_lists_have_bounds_and_a_pattern(document: dict[str, Any]) -> None:
    listed = document["paths"]["/v1/accounts/{account}/users"]["get"]["parameters"]
    found = {parameter["name"]: parameter["schema"] for parameter in listed}

    assert (found["limit"]["minimum"], found["limit"]["maximum"], found["limit"]["default"]) == (1, 100, 50)
    assert re.fullmatch(found["cursor"]["pattern"], "AZAAAAAAcACAAAAAAACrzQ")
    assert not [
        found
        for _, _, call in operations(document)
        for found in parts(call.get("parameters"))
        if {"type": "null"} in found.get("anyOf", ())
    ]


async def test_the_document_says_where_the_service_is_and_what_its_parts_are(
    tenant: Tenant, document: dict[str, Any]
) -> None:
    elsewhere = with_settings(tenant, public_url=HTTPS_URL).app.openapi()

    assert [server["url"] for server in elsewhere["servers"]] == [HTTPS_URL]
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert document["info"]["contact"]["url"] == "http://127.0.0.1:8000/docs"
    described = [tag["name"] for tag in document["tags"]]
    assert described[0] == "sign-in"
    assert {tag for _, _, call in operations(document) for tag in call["tags"]} == set(described)
