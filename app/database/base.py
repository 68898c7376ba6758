"""Metadata, constraint names and common columns of all tables, and helpers for statements."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BindParameter,
    Column,
    ColumnElement,
    DateTime,
    ForeignKeyConstraint,
    Insert,
    LargeBinary,
    MetaData,
    Table,
    Uuid,
    bindparam,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    tuple_,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Moment = DateTime(timezone=True)

KIND_FORM = "kind ~ '^[a-z][a-z0-9_]{0,31}$'"
"""The check constraint on kind names: only their form. Which kinds exist is in the kind registry."""


def account_id() -> Column[Uuid]:  # type: ignore[type-arg]  # a Column's own parameter is the Python type
    """Return the first column of every primary key: it separates the tenants."""
    return Column("account_id", Uuid, primary_key=True)


def belongs_to_user() -> ForeignKeyConstraint:
    """Return a foreign key that deletes the row together with its user."""
    return ForeignKeyConstraint(["account_id", "user_id"], ["users.account_id", "users.id"], ondelete="CASCADE")


def param(column: Column[Any], name: str = "") -> BindParameter[Any]:
    """Return a parameter for a statement that is built once and run often.

    Its name is `given_<column>` unless `name` is given.
    """
    return bindparam(name or f"given_{column.name}", type_=column.type)


def insert_from_params(table: Table) -> Insert:
    """Return the INSERT of one row; each column has a parameter with the name of the column."""
    return insert(table).values({column.name: param(column, column.name) for column in table.c})


def if_returned(after: CTE | None) -> ColumnElement[bool]:
    """Return `EXISTS (SELECT FROM after)`, or true without a CTE.

    With this condition a statement does nothing unless the CTE returned a row.
    """
    return true() if after is None else exists(select(after))


def is_any_of(columns: Sequence[Column[Any]], keys: Sequence[Sequence[Any]]) -> ColumnElement[bool]:
    """Return the SQL condition that the columns have the values of one of the `keys`.

    The keys are passed as arrays, so the SQL text is the same for any number of keys.
    """
    values = zip(*keys, strict=True) if keys else ((),) * len(columns)
    arrays = [literal(list(each), ARRAY(column.type)) for column, each in zip(columns, values, strict=True)]
    wanted = (
        func.unnest(*arrays).table_valued(*(column.name for column in columns), name="wanted").render_derived()
    )
    return tuple_(*columns).in_(select(*wanted.c))


def sealed(name: str, *, user: str | None, nullable: bool = False) -> Column[bytes]:
    """Return a column for values that a `Sealer` seals; its table must have an `id` column.

    `passgate rotate-keys` finds sealed values by this declaration. `user` is the name of the column with the user
    id that is part of the associated data, or None if the row belongs to no user.
    """
    return Column(name, LargeBinary, nullable=nullable, info={"sealed": True, "user": user})


def sealed_columns() -> list[Column[bytes]]:
    """Return every column that holds sealed values."""
    return [column for table in metadata.sorted_tables for column in table.columns if column.info.get("sealed")]
