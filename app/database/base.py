"""What all tables share: their metadata, the names of their constraints, and their common columns."""

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
"""What the database knows of the name of an authenticator kind; which ones exist, the registry knows."""


def account_id() -> Column[Uuid]:  # type: ignore[type-arg]  # a Column's own parameter is the Python type
    """Return the column that every key begins with: it keeps tenants apart."""
    return Column("account_id", Uuid, primary_key=True)


def belongs_to_user() -> ForeignKeyConstraint:
    """Return the foreign key by which a row goes when its user is deleted."""
    return ForeignKeyConstraint(["account_id", "user_id"], ["users.account_id", "users.id"], ondelete="CASCADE")


def param(column: Column[Any], name: str = "") -> BindParameter[Any]:
    """Return a parameter of a statement that is built once and run often; its name is `given_<column>`."""
    return bindparam(name or f"given_{column.name}", type_=column.type)


def insert_from_params(table: Table) -> Insert:
    """Return the INSERT of one row; parameters: a value for each column, by its name."""
    return insert(table).values({column.name: param(column, column.name) for column in table.c})


def if_returned(after: CTE | None) -> ColumnElement[bool]:
    """Return `EXISTS (SELECT FROM after)`: the statement does nothing unless that CTE returned a row."""
    return true() if after is None else exists(select(after))


def is_any_of(columns: Sequence[Column[Any]], keys: Sequence[Sequence[Any]]) -> ColumnElement[bool]:
    """Return whether the columns have the values of one of the `keys`: one statement for any number of them."""
    values = zip(*keys, strict=True) if keys else ((),) * len(columns)
    arrays = [literal(list(each), ARRAY(column.type)) for column, each in zip(columns, values, strict=True)]
    wanted = (
        func.unnest(*arrays).table_valued(*(column.name for column in columns), name="wanted").render_derived()
    )
    return tuple_(*columns).in_(select(*wanted.c))


def sealed(name: str, *, user: str | None, nullable: bool = False) -> Column[bytes]:
    """Return a column of what a `Sealer` seals, by which `passgate rotate-keys` finds it, and its row by `id`.

    `user` names the column of the user to whom a value is bound, or is None where the row is no user's.
    """
    return Column(name, LargeBinary, nullable=nullable, info={"sealed": True, "user": user})


def sealed_columns() -> list[Column[bytes]]:
    """Return every column that holds sealed values."""
    return [column for table in metadata.sorted_tables for column in table.columns if column.info.get("sealed")]
