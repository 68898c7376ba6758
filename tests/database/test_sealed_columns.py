"""Every sealed column is declared as such in its table, so that `rotate-keys` finds it."""

import ast
from pathlib import Path

from sqlalchemy import LargeBinary

import app.database.tables  # noqa: F401 -- fills the metadata
from app.database.base import metadata, sealed_columns

APP = Path(__file__).parents[2] / "app"
DECLARED = {(column.table.name, column.name) for column in sealed_columns()}
GENERIC = {"key_rotation.py"}  # it seals every declared column
STORED_NOWHERE = {"address_probe.py"}


def sealed_in_code() -> set[tuple[str, str]]:
    """Return table and column of every `AssociatedData(...)` in the code."""
    found = set()
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id
            if called == "AssociatedData" and path.name not in GENERIC | STORED_NOWHERE:
                assert isinstance(node, ast.Call)
                table, column = (ast.literal_eval(argument) for argument in node.args[:2])
                found.add((table, column))
    return found


def test_exactly_the_columns_that_the_code_seals_are_declared() -> None:
    assert sealed_in_code() == DECLARED
    assert len(DECLARED) >= 5


def test_every_column_named_sealed_is_declared() -> None:
    named = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name.startswith("sealed")
    }

    assert named == DECLARED


def test_a_sealed_value_in_a_users_row_is_bound_to_the_user() -> None:
    for column in sealed_columns():
        whose = next((name for name in ("user_id", "requested_by") if name in column.table.c), None)
        assert column.info["user"] == whose, column


def test_every_sealed_value_is_found_by_its_account_and_id() -> None:
    for column in sealed_columns():
        assert list(column.table.primary_key.columns.keys()) == ["account_id", "id"], column.table.name
