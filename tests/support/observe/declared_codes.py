"""Checks that the OpenAPI document declares every problem code that an operation answers, in every test."""

import re
from typing import Any

import httpx
from fastapi import FastAPI

PROBLEM = "application/problem+json"


def codes_of(document: dict[str, Any], operation: dict[str, Any], status: str) -> set[str]:
    """Return the codes that the document declares for a status of an operation."""
    if status not in operation["responses"]:
        return set()
    name = operation["responses"][status]["$ref"].rpartition("/")[2]
    return set(document["components"]["responses"][name]["content"][PROBLEM]["examples"])


class DeclaredCodes:
    """The declared codes of all operations of a document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = [
            (re.compile(re.sub(r"{[^/]+}", "[^/]*", path)), item)
            for path, item in sorted(document["paths"].items(), key=lambda found: found[0].count("{"))
        ]

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Return the called operation; of several matching paths, the most literal one."""
        for pattern, item in self._paths:
            if pattern.fullmatch(path) and method.lower() in item:
                found: dict[str, Any] = item[method.lower()]
                return found
        return None

    async def check(self, response: httpx.Response) -> None:
        """Assert that a problem's code is declared, as an httpx event hook.

        Calls that are not in the document are not checked: unknown paths, and those of kinds that a test adds.
        """
        if response.headers.get("content-type") != PROBLEM:
            return
        operation = self.operation(response.request.method, response.request.url.path)
        if operation is not None:
            await response.aread()
            problem = response.json()
            declared = codes_of(self._document, operation, str(problem["status"]))
            assert problem["code"] in declared, f"{operation['operationId']} does not declare {problem['code']}"


_made: list[DeclaredCodes] = []


def declared_codes(app: FastAPI) -> DeclaredCodes:
    """Return the declared codes, of the first application that asks: generating a document takes a second."""
    if not _made:
        _made.append(DeclaredCodes(app.openapi()))
    return _made[0]
