"""What is sealed is declared where its column is: so `rotate-keys` forgets nothing."""

import ast
from pathlib import Path

from sqlalchemy import LargeBinary

import app.database.tables  # noqa: F401 -- fills the metadata
from app.database.base import metadata, sealed_columns

APP = Path(__file__).parents[2] / "app"
DECLARED = {(column.table.name, column.name) for column in sealed_columns()}
GENERIC = {"key_rotation.py"}  # it seals whatever is declared
STORED_NOWHERE = {"address_probe.py"}


def places() -> set[tuple[str, str]]:
    """Return the table and the column of every `AssociatedData(...)` that the code seals at."""
    found = set()
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id
            if called == "AssociatedData" and path.name not in GENERIC | STORED_NOWHERE:
                assert isinstance(node, ast.Call)
                table, column = (ast.literal_eval(argument) for argument in node.args[:2])
                found.add((table, column))
    return found


def test_everything_that_is_sealed_anywhere_is_declared_and_nothing_else() -> None:
    assert places() == DECLARED
    assert len(DECLARED) >= 5


def test_a_column_that_is_called_sealed_is_declared() -> None:
    named = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name.startswith("sealed")
    }

    assert named == DECLARED


def test_what_is_sealed_in_a_row_of_a_user_is_bound_to_the_user() -> None:
    for column in sealed_columns():
        whose = next((name for name in ("user_id", "requested_by") if name in column.table.c), None)
        assert column.info["user"] == whose, column


def test_every_sealed_value_is_found_by_its_account_and_id() -> None:
    for column in sealed_columns():
        assert list(column.table.primary_key.columns.keys()) == ["account_id", "id"], column.table.name
