"""The OpenAPI document: what FastAPI generates, less what it promises of its own."""

from typing import Any

from fastapi import FastAPI


def describe(app: FastAPI) -> None:
    """Make the application describe its own problem documents instead of FastAPI's validation errors."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            for path in document["paths"].values():
                for operation in path.values():
                    _drop_default_validation_error(operation)
            for name in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(name, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to change the document


def _drop_default_validation_error(operation: dict[str, Any]) -> None:
    answer = operation["responses"].get("422", {})
    if "application/json" in answer.get("content", {}):
        reference = answer["content"]["application/json"]["schema"].get("$ref", "")
        if reference.endswith("/HTTPValidationError"):
            del operation["responses"]["422"]
