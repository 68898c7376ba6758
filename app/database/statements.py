"""Statements for hot paths: compiled once at import, executed by asyncpg directly."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

import asyncpg
from sqlalchemy import Dialect, Label, Select, Table, TextClause
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

from app.database.engine import driver

Row: TypeAlias = asyncpg.Record
"""A row of a result: values by position or by column name."""
_T = TypeVar("_T")
_DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own gap


class PrecompiledStatement:
    """A statement that is compiled once; only its parameters change.

    For hot paths (sign-in, `/authorize`): in SQLAlchemy, building, looking up and wrapping a statement costs
    several times what running it does. Elsewhere use `tx.execute`. Hand-written SQL is passed as `text()` with
    `:named` parameters. The statement runs in the transaction of the `tx` argument.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | UpdateBase | TextClause) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 -- true unless it is DDL
        self.sql = compiled.string
        names = compiled.positiontup or ()
        self._constants = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
        # Converts Python values for asyncpg where needed (JSON).
        types = [(name, compiled.binds[name].type.dialect_impl(_DIALECT)) for name in names]
        self._parameters = [(name, type_.bind_processor(_DIALECT)) for name, type_ in types]

    def _arguments(self, values: Mapping[str, Any]) -> list[Any]:
        known = {**self._constants, **values} if self._constants else values
        return [known[name] if process is None else process(known[name]) for name, process in self._parameters]

    async def rows(self, tx: AsyncConnection, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run it, and return its rows; raises `KeyError` if `values` lacks a parameter."""
        rows: Sequence[Row] = await driver(tx).fetch(self.sql, *self._arguments(values))
        return rows

    async def row(self, tx: AsyncConnection, values: Mapping[str, Any]) -> Row | None:
        """Run it, and return its only row; None if there is none."""
        return await driver(tx).fetchrow(self.sql, *self._arguments(values))

    async def value(self, tx: AsyncConnection, values: Mapping[str, Any]) -> Any:
        """Run it, and return the first column of its only row; None if there is none."""
        return await driver(tx).fetchval(self.sql, *self._arguments(values))


def columns_for(kind: type[Any], table: Table, prefix: str) -> list[Label[Any]]:
    """Return a column for each field of the dataclass `kind`, labeled `<prefix>_<field>`."""
    return [table.c[field.name].label(f"{prefix}_{field.name}") for field in fields(kind)]


def instance_of(kind: type[_T], row: Row, prefix: str) -> _T:
    """Return an instance of the dataclass `kind` from the columns labeled by `columns_for`."""
    return kind(**{field.name: row[f"{prefix}_{field.name}"] for field in fields(kind)})  # type: ignore[arg-type]  # it is a dataclass
