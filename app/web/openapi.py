"""The OpenAPI document: FastAPI's own, completed with what FastAPI cannot know."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.core.settings import Settings
from app.web.documented_headers import COMPONENTS, headers_of
from app.web.documented_problems import problem_schemas, response_name, shared_response
from app.web.examples import Examples, example_text
from app.web.guards import SECURITY_SCHEMES, Guard, guards_of
from app.web.middleware import CACHEABLE
from app.web.problems import by_status, declared_codes
from app.web.wire import SCHEMAS

_ACCOUNT = {
    "name": "account",
    "in": "path",
    "required": True,
    "description": "the account's slug",
    "schema": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
}
_DESCRIPTION = """\
**How to sign in.** Send e-mail address and password to `POST /v1/accounts/{account}/sign-ins`. The `status`
of the answer says what comes next:

- `complete`: the answer has a session. Send its token as `Authorization: Bearer pgs_...`.
- `passcode_required`: send the `sign_in_token` and a passcode to `POST .../sign-ins/passcode`.
- `enrollment_required`: begin the enrollment of an authenticator with `POST .../sign-ins/enrollments`.
- any other value: the sign-in is not complete, and this client is too old for it.

**Errors** are problem documents (RFC 9457). Decide by `code`: each answer lists the codes that it can have. A path
that does not exist is 404 `not_found`, and a method that a path does not have is 405 `method_not_allowed`.

**Value lists in answers** (`x-extensible-enum`) may grow: accept unknown values.
"""
_TAGS = {
    "sign-in": "Password, passcode, and the enrollment that a sign-in requires. Begin here.",
    "session": "The current session, step-up, identity tokens, and the check for gateways.",
    "two-factor": "Authenticators and recovery codes.",
    "trusted devices": "The browsers and apps in which a user needs no passcode.",
    "passwords": "Changing a password, and the links in e-mails.",
    "third-party sign-in": "JWT, OpenID Connect, SAML, and backends that check the first factor.",
    "identity providers": "The account's providers of third-party sign-in.",
    "security policy": "What the account requires of its users.",
    "users": "The users of the account, and their devices and sessions.",
    "API tokens": "Credentials of scripts and backends.",
    "reports": "The two-factor status report.",
    "audit log": "What happened in the account.",
    "health": "Whether the service runs.",
    "about": "Pages for people.",
}
_ACCOUNTS = "/v1/accounts/{account}"
_METHODS = ("get", "put", "post", "delete", "patch")


def metadata(settings: Settings) -> dict[str, Any]:
    """Return what the document says of the service as a whole, as arguments of `FastAPI`."""
    return {
        "title": "Passgate",
        "summary": "Account-wide two-factor authentication",
        "description": _DESCRIPTION,
        "servers": [{"url": settings.public_url, "description": "this service"}],
        "contact": {"name": "The operators of this service", "url": f"{settings.public_url}/docs"},
        "license_info": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        "openapi_tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
    }


def describe(app: FastAPI) -> None:
    """Complete the document that FastAPI generates for the application."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(app, generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to change the document


def _completed(app: FastAPI, document: dict[str, Any]) -> dict[str, Any]:
    components = document["components"]
    components["headers"] = COMPONENTS
    components["securitySchemes"] = SECURITY_SCHEMES
    components["schemas"] = dict(sorted((components["schemas"] | problem_schemas()).items()))
    components["responses"] = {}
    guards = _guards(app)
    examples = Examples(components["schemas"])
    for path, item in document["paths"].items():
        if path.startswith(_ACCOUNTS):
            item["parameters"] = [_ACCOUNT]  # no handler takes it
        for operation in _operations(item):
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _without_null(parameter["schema"])
            _complete(operation, components["responses"], guards.get(operation["operationId"], []))
            _add_examples(operation, examples)
            for status, answer in operation["responses"].items():
                if status < "400":
                    answer["headers"] = headers_of(
                        operation["operationId"],
                        cacheable=CACHEABLE.fullmatch(path) is not None,
                        by_password={"password": []} in operation["security"],
                        in_account=path.startswith(_ACCOUNTS),
                    )
    components["schemas"] = _used_schemas(document)
    return document


def _operations(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (item[method] for method in _METHODS if method in item)


def _guards(app: FastAPI) -> dict[str, list[Guard]]:
    """Return the guards of each operation id."""
    return {
        route.operation_id: list(guards_of(route.dependant))
        for route in iter_route_contexts(app.routes)
        if getattr(route, "operation_id", None)
    }


def _complete(operation: dict[str, Any], shared: dict[str, Any], guards: list[Guard]) -> None:
    """Set the credentials of an operation, and refer to the shared descriptions of its problems."""
    operation["security"] = [{name: []} for guard in guards for name in guard.schemes]
    responses = operation["responses"]
    codes = [*declared_codes(responses), *(code for guard in guards for code in guard.problem_codes)]
    operation["responses"] = {status: answer for status, answer in responses.items() if status < "400"}
    for status, listed in sorted(by_status(codes).items()):
        name = response_name(listed)
        shared.setdefault(name, shared_response(status, listed))
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional parameter: it is left out, and never sent as null."""
    if {"type": "null"} not in schema.get("anyOf", ()):
        return schema
    value: dict[str, Any]
    [value] = [found for found in schema["anyOf"] if found != {"type": "null"}]
    return value if "$ref" in value else {name: part for name, part in schema.items() if name != "anyOf"} | value


def _add_examples(operation: dict[str, Any], examples: Examples) -> None:
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        for kind, content in part.get("content", {}).items():
            if kind == "application/json" and content.get("schema"):
                content["example"] = examples.of(content["schema"])
            elif not kind.endswith("json"):
                content["example"] = example_text(kind)


def _used_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that the document refers to, directly or through others.

    FastAPI adds its own for validation errors, and one for each class that a field of a body is parsed into.
    """
    schemas = document["components"]["schemas"]
    waiting = list(_references({**document, "components": {"responses": document["components"]["responses"]}}))
    used: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting.extend(_references(schemas[name]))
    return {name: schema for name, schema in schemas.items() if name in used}


def _references(part: Any) -> Iterator[str]:
    """Yield the names of all schemas that are referred to in a part of the document."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and value.startswith(SCHEMAS):
                yield value.removeprefix(SCHEMAS)
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
