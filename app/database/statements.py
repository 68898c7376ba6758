"""Statements that people wait for: compiled once, by SQLAlchemy, and run by asyncpg itself."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import Dialect, Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

from app.database.engine import driver

Row: TypeAlias = asyncpg.Record
"""What a statement returns: values by position, or by the names of their columns."""
_DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own gap


class PrecompiledStatement:
    """A statement of which only the parameters change.

    For SQLAlchemy to build, look up and wrap a statement costs several times what running it does, and a sign-in
    waits for a few. It runs in the transaction that it is given, like any other statement.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | UpdateBase) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 -- what no DDL is compiled to
        self._sql = compiled.string
        names = compiled.positiontup or ()
        self._constants = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
        # How Python's values become asyncpg's, where they are not the same: JSON.
        types = [(name, compiled.binds[name].type.dialect_impl(_DIALECT)) for name in names]
        self._parameters = [(name, type_.bind_processor(_DIALECT)) for name, type_ in types]

    def _arguments(self, values: Mapping[str, Any]) -> list[Any]:
        known = {**self._constants, **values} if self._constants else values
        return [known[name] if process is None else process(known[name]) for name, process in self._parameters]

    async def rows(self, tx: AsyncConnection, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run it, and return its rows; a parameter that `values` does not have is a `KeyError`."""
        rows: Sequence[Row] = await driver(tx).fetch(self._sql, *self._arguments(values))
        return rows

    async def row(self, tx: AsyncConnection, values: Mapping[str, Any]) -> Row | None:
        """Run it, and return its only row, if there is one."""
        return await driver(tx).fetchrow(self._sql, *self._arguments(values))

    async def value(self, tx: AsyncConnection, values: Mapping[str, Any]) -> Any:
        """Run it, and return the first column of its only row; None without a row."""
        return await driver(tx).fetchval(self._sql, *self._arguments(values))
