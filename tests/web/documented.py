"""Checks answers against the OpenAPI document: an undocumented answer fails the test."""

import re
from typing import Any

import httpx

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


# Headers that OpenAPI describes elsewhere, or not at all.
GENERAL_HEADERS = {
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "content-length",
    "content-type",
}


class Documented:
    """The OpenAPI document of a service, with the answers and headers checked against it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[tuple[str, int]] = set()
        self.headers: set[str] = set()

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """Return the called operation; of several matching paths, the most literal one."""
        fitting = [
            template
            for template in self.document["paths"]
            if re.fullmatch(re.sub(r"\\{[^/]+\\}", "[^/]+", re.escape(template)), path)
        ]
        for template in sorted(fitting, key=lambda found: found.count("{")):
            if method.lower() in self.document["paths"][template]:
                found: dict[str, Any] = self.document["paths"][template][method.lower()]
                return found
        raise AssertionError(f"{method} {path} is not documented")

    def answer(self, operation: dict[str, Any], status: str) -> dict[str, Any]:
        """Return the description of an answer, which may be shared."""
        found: dict[str, Any] = operation["responses"][status]
        if "$ref" in found:
            found = self.document["components"]["responses"][found["$ref"].rpartition("/")[2]]
        return found

    async def check(self, response: httpx.Response) -> None:
        """Assert that the document declares this answer; usable as an httpx event hook."""
        await response.aread()
        operation = self.operation(response.request.method, response.request.url.path)
        name, status = operation["operationId"], response.status_code
        assert str(status) in operation["responses"], f"{name} answers {status}: {response.text}"
        self.seen.add((name, status))
        answer = self.answer(operation, str(status))
        named = {header.lower() for header in answer["headers"]} | GENERAL_HEADERS
        assert set(response.headers) <= named, f"{name} {status}: {sorted(set(response.headers) - named)}"
        self.headers |= set(response.headers)
        content = answer.get("content")
        if content is None:
            assert response.content == b""
            return
        kind = response.headers["content-type"].partition(";")[0]
        assert kind in content
        found: Any = response.json() if kind.endswith("json") else response.text
        if status >= 400:
            assert found["code"] in answer["content"][kind]["examples"], f"{name} does not declare {found['code']}"
        self.validate(found, content[kind]["schema"], name, open_ended=status >= 400)

    def validate(self, value: Any, schema: dict[str, Any], where: str, *, open_ended: bool = False) -> None:
        """Assert that the value fits the schema and, unless `open_ended`, has no other property."""
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if union := schema.get("oneOf") or schema.get("anyOf"):
            self._validate_any(value, union, where, open_ended=open_ended)
            return
        if not schema:
            assert value is None, where
            return
        kind = schema["type"]
        assert isinstance(value, _TYPES[kind]), f"{where}: {value!r} is no {kind}"
        assert kind == "boolean" or not isinstance(value, bool), where
        assert value in schema.get("enum", [value]), f"{where}: {value!r}"
        assert value == schema.get("const", value), f"{where}: {value!r}"
        assert "pattern" not in schema or re.search(schema["pattern"], value), f"{where}: {value!r}"
        if kind == "array":
            for item in value:
                self.validate(item, schema["items"], f"{where}/*", open_ended=open_ended)
        if kind == "object" and schema.get("additionalProperties") is not True:
            properties = schema["properties"]
            assert set(schema.get("required", ())) <= set(value), f"{where}: {sorted(value)}"
            assert open_ended or set(value) <= set(properties), f"{where}: {sorted(value)}"
            for name in set(value) & set(properties):
                self.validate(value[name], properties[name], f"{where}/{name}", open_ended=open_ended)

    def _validate_any(self, value: Any, schemas: list[dict[str, Any]], where: str, *, open_ended: bool) -> None:
        reasons = []
        for schema in schemas:
            try:
                self.validate(value, schema, where, open_ended=open_ended)
            except AssertionError as error:
                reasons.append(str(error))
        assert len(reasons) < len(schemas), reasons
