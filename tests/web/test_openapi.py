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

from app.core.callers import Role
from app.web.documented_headers import RETRY_AFTER
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok
from tests.support.account.credentials import by_password
from tests.support.account.enrolling import enroll_at_sign_in
from tests.support.account.reports import COLUMNS
from tests.support.account.variants import HTTPS_URL, with_settings
from tests.web.documented import GENERAL_HEADERS, Documented
from tests.web.route_table import BROWSER, CALLS, ROOT, Call

ALWAYS = {"401", "404", "413", "415", "422", "503"}
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
        len(ids) == len(set(ids)) == len(CALLS) + len(BROWSER) + len(ROOT) - 5
    )  # without the document, the /docs pages and /client-address
    assert all(re.fullmatch("[a-z][a-zA-Z]+", operation_id) for operation_id in ids)
    # A name that changes breaks every generated client.
    assert sorted(ids) == Path(__file__).with_name("operation_ids.txt").read_text().split()


def test_every_call_under_an_account_lists_the_problems_that_it_can_answer(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        responses = operation["responses"]
        if path.startswith("/v1/"):
            assert set(responses) >= ALWAYS, path
        for status, answer in responses.items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"]
                assert answer["description"]
                model = {"422": "ValidationProblem", "429": "LimitProblem"}.get(status, "Problem")
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{model}"}


def test_nothing_of_the_framework_is_in_the_document(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert not {"HTTPValidationError", "ValidationError", "SixDigits", "RecoveryCode"} & set(schemas)
    for word in ("PlainValidator", "function-", "Input", "Output", "app.", "pydantic", "-Body"):
        assert word not in "".join(schemas)
    assert all(re.fullmatch("[A-Z][A-Za-z]+(_[A-Z][A-Za-z]+_)?", name) for name in schemas)


def test_every_reference_leads_somewhere_and_every_component_is_referred_to(document: dict[str, Any]) -> None:
    components = document["components"]
    kept = {f"#/components/{kind}/{name}" for kind in ("schemas", "headers") for name in components[kind]}

    assert set(references(document)) == kept


def test_every_name_in_a_path_is_a_parameter(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method == "parameters":
                continue
            given = [found for found in [*shared, *operation.get("parameters", [])] if found["in"] == "path"]
            assert sorted(found["name"] for found in given) == sorted(re.findall("{([^}]+)}", path))
            assert all(found["required"] for found in given)


def test_a_call_that_needs_a_credential_says_so(document: dict[str, Any]) -> None:
    signed = {(call.method.lower(), re.sub("{[^}]+}", "{}", call.path)) for call in CALLS if call.roles}
    for path, method, operation in operations(document):
        below = re.sub("{[^}]+}", "{}", path.removeprefix("/v1/accounts/{account}"))
        assert ("security" in operation) == ((method, below) in signed), path


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
                if content["schema"]:
                    fitting.validate(content["example"], content["schema"], operation["operationId"])
                    assert not re.search("pg[a-z]_", json.dumps(content["example"]))
                    assert content["example"]
                if kind == "text/csv":
                    assert next(csv.reader(io.StringIO(content["example"], newline=""))) == COLUMNS
                if kind.endswith("xml"):
                    etree.fromstring(content["example"])


def test_every_answer_names_its_headers(document: dict[str, Any]) -> None:
    always = {"X-Request-ID", "X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security", "Vary"}
    limits = {"RateLimit", "RateLimit-Policy"}
    some = {"WWW-Authenticate", "Retry-After", "Cache-Control", "Deprecation", "Passgate-Test-Account"} | limits
    named: dict[str, set[str]] = {}
    for path, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            headers = set(answer["headers"])
            assert ("Passgate-Test-Account" in headers) == path.startswith("/v1/accounts/{account}")
            assert headers >= always
            assert ("WWW-Authenticate" in headers) == (status == "401")
            told = (operation["operationId"], status) in RETRY_AFTER
            assert ("Retry-After" in headers) == (status in {"429", "503"} or told)
            assert headers & limits == (limits if status == "429" else set())
            assert ("Deprecation" in headers) == ("security" in operation)
            for header in headers - always - some:
                named.setdefault(header, set()).add(operation["operationId"])

    logins = {"beginLogin", "finishLogin", "finishSamlLogin"}
    assert named.pop("Location") == {"inviteUser", "makeServiceAccount", "requestReport"} | logins
    files = {"getLinkPageAsset"}
    assert named.pop("ETag") == {"getSecurityPolicy", "changeSecurityPolicy"} | files
    assert named.pop("Last-Modified") == named.pop("Accept-Ranges") == files
    assert named.pop("Content-Security-Policy") == {"getLinkPage", "explainProblem"}
    assert {"submitPasscode", "confirmEnrollmentAtSignIn"} | logins < named.pop("Set-Cookie")
    assert named.pop("Content-Disposition") == {"downloadReport", "downloadReportByLink"}
    assert len(named) == 5
    assert all(header.startswith("Passgate-") for header in named)


@pytest.fixture
async def documented(document: dict[str, Any]) -> Documented:
    return Documented(document)


def watch(browser: Client, documented: Documented) -> None:
    browser.http.event_hooks = {"request": [], "response": [documented.check]}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_every_call_answers_as_documented(tenant: Tenant, documented: Documented, call: Call) -> None:
    people = [await tenant.signed_in(role) for role in (Role.OWNER, Role.END_USER)]
    stale = await tenant.signed_in()
    people.append(await tenant.person())
    headers = {"Content-Type": "application/json"}
    tenant.clock.turn(minutes=9)
    await tenant.sign_in(people[0])
    people.append(await tenant.signed_in(Role.ADMIN))
    tenant.clock.turn(minutes=2)
    for person in [stale, *people]:
        watch(person.browser, documented)
        await person.browser.request(call.method, call.sent_to, json=call.body)
        await person.browser.request(call.method, call.sent_to, content=b"{", headers=headers)
        await person.browser.request(
            call.method, call.sent_to, content=b"{}", headers={"Content-Type": "text/plain"}
        )
        await person.browser.request(call.method, call.sent_to, content=b" " * 70_000, headers=headers)
        await person.browser.request(call.method, call.sent_to, json={"unknown": 1})

    statuses = {status for _, status in documented.seen}
    assert {413, 415, 422, call.answer[0]} <= statuses


async def test_every_step_from_enrolling_to_turning_off_is_as_documented(
    tenant: Tenant, owner: SimulatedUser, documented: Documented
) -> None:
    watch(owner.browser, documented)
    await tenant.enroll(owner)
    await tenant.pass_passcode(owner)
    await tenant.sign_in(owner)
    await tenant.step_up(owner)
    await tenant.require(owner, team_members=True)
    person = await tenant.person()
    watch(person.browser, documented)
    await enroll_at_sign_in(tenant, person)
    await tenant.pass_passcode(person, device_storage="body")
    for path in ("sessions", "trusted-devices", "two-factor"):
        ok(await person.browser.get(f"/users/me/{path}"))
    ok(await person.browser.put("/users/me/two-factor/turned-on"))
    ok(await owner.browser.post("/users/me/two-factor/recovery-codes"), 201)
    body = {"reason": "lost"}
    ok(await owner.browser.post(f"/users/{person.id}/two-factor/recovery-codes", json=body), 201)
    await owner.browser.delete("/users/me/two-factor")
    await tenant.require(owner, team_members=False)
    ok(await owner.browser.delete("/users/me/two-factor"), 204)

    assert len(documented.seen) >= 16
    assert ("turnMyTwoFactorOff", 409) in documented.seen
    assert ("confirmEnrollmentAtSignIn", 201) in documented.seen


async def test_public_pages_are_answered_as_documented(tenant: Tenant, documented: Documented) -> None:
    browser = tenant.browser()
    watch(browser, documented)
    slug = tenant.account.slug
    pages = (
        "problems/not_found",
        "problems/none",
        f"links/{slug}/password",
        f"links/{slug}/none",
        "links/page.none",
    )
    for path in (*pages, "links/page.js", "links/page.css", "healthz", "readyz", ".well-known/jwks.json"):
        await browser.get(f"http://127.0.0.1:8000/{path}")

    assert {("explainProblem", 404), ("getLinkPage", 404), ("getLinkPageAsset", 404)} < documented.seen
    assert {"content-security-policy", "last-modified", "cache-control"} < documented.headers


async def test_cross_origin_calls_with_a_password_are_answered_as_documented(
    tenant: Tenant, owner: SimulatedUser, documented: Documented
) -> None:
    origin = "https://app.example.com"
    shared = with_settings(tenant, cors_origins=(origin,), public_url=HTTPS_URL)
    caller = await by_password(shared, owner, owner)
    watch(caller, documented)
    for call in CALLS:
        if call.roles:
            await caller.request(call.method, call.sent_to, json=call.body, headers={"Origin": origin})

    assert {"deprecation", "vary", "strict-transport-security"} < documented.headers
    assert {200, 403} <= {status for _, status in documented.seen}


async def test_a_wrong_method_is_answered_as_documented(tenant: Tenant, document: dict[str, Any]) -> None:
    response = await tenant.browser().request("PUT", "/session")

    answer = document["components"]["responses"]["MethodNotAllowed"]
    assert response.status_code == answer["content"]["application/problem+json"]["example"]["status"] == 405
    assert set(response.headers) - GENERAL_HEADERS <= {header.lower() for header in answer["headers"]}
    assert response.headers["allow"] == "DELETE, GET, HEAD"
    assert "MethodNotAllowed" in document["info"]["description"]
