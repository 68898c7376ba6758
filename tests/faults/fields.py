"""Every field of the API in which a client can send text, from the OpenAPI document."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

SOME_ID = "01900000-0000-7000-8000-00000000abcd"


@dataclass(frozen=True)
class InputField:
    """One field of one operation: a part of the path, a query parameter, or a field of the body."""

    method: str
    path: str
    where: str
    name: str
    body: Any = field(default=None, repr=False)

    def request(self, text: str, *, account: str) -> tuple[str, str, dict[str, Any]]:
        """Return method, path and the other arguments of the request that has `text` in this field."""
        filled = self.path.replace("{account}", account)
        parts = [part.strip("{}") if part.startswith("{") else "" for part in filled.split("/")]
        shown = [
            (quote(text, safe="") if self.where == "path" and name == self.name else SOME_ID) if name else part
            for name, part in zip(parts, filled.split("/"), strict=True)
        ]
        arguments: dict[str, Any] = {}
        if self.where == "query":
            arguments["params"] = {self.name: text}
        elif self.where == "form":
            arguments["data"] = self.body | {self.name: text}
        elif self.where == "body":
            arguments["json"] = _put(self.body, self.name.strip("/").split("/"), text)
        return self.method.upper(), "/".join(shown), arguments


def input_fields(document: dict[str, Any]) -> Iterator[InputField]:
    """Yield every input field of every operation; of a list, only the first item."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            for parameter in operation.get("parameters", []):
                if parameter["in"] in {"path", "query"}:
                    yield InputField(method, path, parameter["in"], parameter["name"])
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                yield from _of_body(
                    document, InputField(method, path, "", "", content.get("example") or {}), kind, content
                )


def _of_body(
    document: dict[str, Any], parent: InputField, kind: str, content: dict[str, Any]
) -> Iterator[InputField]:
    where = "body" if kind == "application/json" else "form"
    example = parent.body if where == "body" else {}
    for pointer in _texts(document, content["schema"]):
        name = pointer if where == "body" else pointer.strip("/")
        yield InputField(parent.method, parent.path, where, name, example)


def _texts(document: dict[str, Any], schema: dict[str, Any], pointer: str = "") -> Iterator[str]:
    """Yield the JSON pointer of every value that is not an object: each can be sent as text."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        for name, part in schema["properties"].items():
            yield from _texts(document, part, f"{pointer}/{name}")
        return
    yield pointer
    if schema.get("type") == "array":
        yield f"{pointer}/0"


def _put(body: Any, names: list[str], text: str) -> Any:
    if not names:
        return text
    first, *rest = names
    if first == "0":
        return [_put(None, rest, text)]
    changed = deepcopy(body) if isinstance(body, dict) else {}
    changed[first] = _put(changed.get(first), rest, text)
    return changed
