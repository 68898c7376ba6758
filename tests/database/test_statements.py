"""Statements that are compiled once: their parameters, their rows, and the transaction that they run in."""

from uuid import uuid4

import pytest
from sqlalchemy import Integer, bindparam, cast, null, select
from sqlalchemy.dialects.postgresql import JSONB

from app.database.base import insert_from_params, param
from app.database.engine import Database
from app.database.statements import PrecompiledStatement
from app.database.tables import password_limits
from app.services import Services
from tests.support.account.clock import TurnableClock

_SUM = PrecompiledStatement(
    select((bindparam("left", type_=Integer) + 40).label("sum"), cast(null(), Integer).label("nothing"))
)
_BY_KEY = PrecompiledStatement(
    select(password_limits.c.limit).where(password_limits.c.key == param(password_limits.c.key))
)


@pytest.fixture
def database(services: Services) -> Database:
    return services.database


async def test_a_row_is_read_by_position_and_by_name(database: Database) -> None:
    async with database.read() as tx:
        row = await _SUM.row(tx, {"left": 2})

        assert row is not None
        assert (row[0], row["sum"], row["nothing"]) == (42, 42, None)
        assert await _SUM.value(tx, {"left": 3, "unasked": 1}) == 43
        assert [tuple(row) for row in await _SUM.rows(tx, {"left": 4})] == [(44, None)]


async def test_a_missing_parameter_raises_key_error(database: Database) -> None:
    async with database.read() as tx:
        with pytest.raises(KeyError, match="left"):
            await _SUM.row(tx, {})


async def test_a_json_parameter_is_passed_as_a_python_object(database: Database) -> None:
    given_back = PrecompiledStatement(select(bindparam("details", type_=JSONB)["a"].as_string()))

    async with database.read() as tx:
        assert await given_back.value(tx, {"details": {"a": "ü'\"\\"}}) == "ü'\"\\"


async def test_a_statement_runs_in_the_given_transaction(database: Database, clock: TurnableClock) -> None:
    add = PrecompiledStatement(insert_from_params(password_limits).returning(password_limits.c.limit))
    key = uuid4().bytes
    values = {"account_id": uuid4(), "limit": "user", "key": key, "empty_at": clock.now(), "recorded_at": None}

    with pytest.raises(RuntimeError, match="on purpose"):  # noqa: PT012 -- what the transaction does is the point
        async with database.begin() as tx:
            assert await add.value(tx, values) == "user"
            assert await _BY_KEY.value(tx, {"given_key": key}) == "user"
            raise RuntimeError("on purpose")

    async with database.read() as tx:
        assert await _BY_KEY.row(tx, {"given_key": key}) is None
