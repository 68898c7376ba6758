"""The plans that Postgres logs for every statement of the service (auto_explain)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg

# The module auto_explain comes with Postgres. Nested statements are those of functions and foreign keys.
SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}


@dataclass(frozen=True)
class Scan:
    """How a statement read one table, and how many rows it examined, filtered ones included."""

    query: str
    table: str
    kind: str
    rows: float


class Plans:
    """The plans of the statements since `begin`, on connections opened with `SETTINGS`."""

    def __init__(self) -> None:
        self._plans: list[dict[str, Any]] = []

    def begin(self) -> None:
        self._plans.clear()

    def listen_to(self, connection: asyncpg.Connection) -> None:
        connection.add_log_listener(self._note)

    def _note(self, _: object, message: asyncpg.PostgresLogMessage) -> None:
        _, logged, plan = message.message.partition("plan:\n")
        if logged:
            self._plans.append(json.loads(plan))

    def wasteful(self, growing: set[str], *, most_rows: int) -> list[Scan]:
        """Return each scan of a growing table that was sequential or examined over `most_rows` rows."""
        scans = (scan for logged in self._plans for scan in _scans(logged["Query Text"], logged["Plan"]))
        return [s for s in scans if s.table in growing and (s.kind == "Seq Scan" or s.rows > most_rows)]

    def tables(self) -> set[str]:
        """Return every table that was read or written."""
        return {
            node["Relation Name"]
            for logged in self._plans
            for node in _nodes(logged["Plan"])
            if "Relation Name" in node
        }


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


def _scans(query: str, plan: dict[str, Any]) -> Iterator[Scan]:
    for node in _nodes(plan):
        if "Scan" in node["Node Type"] and "Relation Name" in node:
            filtered = sum(rows for name, rows in node.items() if name.startswith("Rows Removed by"))
            examined = (node["Actual Rows"] + filtered) * node["Actual Loops"]
            yield Scan(query, node["Relation Name"], node["Node Type"], examined)
