"""Every key begins with the account: this isolates tenants and keeps their rows together."""

import pytest
from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

import app.database.tables  # noqa: F401 -- fills the metadata
from app.database.base import metadata

# One row for each account, so its key is the account itself.
ALONE = {"accounts"}
TABLES = [table for name, table in metadata.tables.items() if name not in ALONE]

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@each_table
def test_every_key_begins_with_the_account(table: Table) -> None:
    keys = [
        list(constraint.columns.keys())
        for constraint in table.constraints
        if isinstance(constraint, PrimaryKeyConstraint | ForeignKeyConstraint | UniqueConstraint)
    ]
    keys += [[column.name for column in index.columns] for index in table.indexes if index.unique]

    assert len(keys) >= 1
    assert [key[0] for key in keys] == ["account_id"] * len(keys), keys


@each_table
def test_every_reference_stays_inside_the_account(table: Table) -> None:
    for constraint in table.foreign_key_constraints:
        first = constraint.elements[0].target_fullname
        assert first in {"accounts.id", f"{constraint.referred_table.name}.account_id"}
        assert constraint.ondelete in {"CASCADE", "SET NULL"}, (
            "the rows of a deleted user must not block the deletion"
        )


@each_table
def test_no_column_has_a_default_but_a_constant(table: Table) -> None:
    # Times and ids come from the service, never from Postgres. A constant lets the previous release insert rows.
    defaults = [column.server_default for column in table.columns if column.server_default is not None]
    assert {str(getattr(default, "arg", default)) for default in defaults} <= {"0", "false", "true", "'person'"}
    assert [column.name for column in table.columns if column.default is not None] == []
