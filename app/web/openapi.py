"""The OpenAPI document: FastAPI's own, completed with what FastAPI cannot know."""

import json
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app.web.documented_headers import COMPONENTS, headers_of
from app.web.examples import Examples, example_text
from app.web.middleware import CACHEABLE
from app.web.problems import SCHEMAS, LimitProblem, Problem, ValidationProblem, problems

_ACCOUNT = {
    "name": "account",
    "in": "path",
    "required": True,
    "description": "the account's slug",
    "schema": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
}
_DESCRIPTION = "A method that a path does not have is answered with `MethodNotAllowed`, an unknown path with 404."


def describe(app: FastAPI) -> None:
    """Complete the document that FastAPI generates for the application."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to change the document


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    # Add the path parameter `account` and the problem schemas: no handler takes or returns them.
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "HTTPValidationError" in json.dumps(operation["responses"].get("422", {})):
                del operation["responses"]["422"]  # FastAPI's default, which is never sent
        if path.startswith("/v1/accounts/{account}"):
            operations["parameters"] = [_ACCOUNT]
    _, found = models_json_schema(
        [(Problem, "serialization"), (ValidationProblem, "serialization"), (LimitProblem, "serialization")],
        ref_template=SCHEMAS + "{model}",
    )
    schemas = document["components"]["schemas"] | found["$defs"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    # Drop unreferenced schemas: a body field that is parsed into a class of ours adds a schema of that class.
    text = json.dumps([document["paths"], schemas])
    document["components"]["schemas"] = {
        name: schema for name, schema in sorted(schemas.items()) if f'"{SCHEMAS}{name}"' in text
    }
    _add_headers_and_examples(document)
    return document


def _add_headers_and_examples(document: dict[str, Any]) -> None:
    examples = Examples(document["components"]["schemas"])
    document["info"]["description"] = _DESCRIPTION
    document["components"]["headers"] = COMPONENTS
    [not_allowed] = problems(405).values()
    headers = headers_of("", "405", cacheable=False, signed=False, in_account=False)
    document["components"]["responses"] = {"MethodNotAllowed": not_allowed | {"headers": headers}}
    for path, item in document["paths"].items():
        cacheable = CACHEABLE.fullmatch(path) is not None
        for method, operation in item.items():
            if method == "parameters":
                continue
            for status, answer in operation["responses"].items():
                answer["headers"] = headers_of(
                    operation["operationId"],
                    status,
                    cacheable=cacheable,
                    signed="security" in operation,
                    in_account=path.startswith("/v1/accounts/{account}"),
                )
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                for kind, content in part.get("content", {}).items():
                    if kind == "application/json" and content.get("schema"):
                        content["example"] = examples.of(content["schema"])
                    elif not kind.endswith("json"):
                        content["example"] = example_text(kind)
