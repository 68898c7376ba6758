"""squawk checks the SQL of each migration as it runs: it must not block a running service."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.script import Script
from sqlalchemy import Engine, event

from app.database.migrate import _MIGRATION_SETTINGS, migrate
from tests.migrations.test_migrations import SCRIPTS

EXCLUDED = {
    "prefer-bigint-over-int": "counts that stay small; no id and no time is an integer",
    "prefer-bigint-over-smallint": "as above: days, 30 at most, and failures, 100 at most",
}

# Migrations never change. These exceptions were checked when written, and apply to no later migration.
_NOBODY_YET = {"require-concurrent-index-creation": "before the first release: all tables were empty"}
OF_ONE_REVISION = {
    "202611240730": {"ban-drop-function": "procrastinate's function, created by the statement before"},
    "202611241000": _NOBODY_YET,
    "202611241011": _NOBODY_YET,
    "202611242200": {
        "ban-drop-constraint": "a wider one replaces it in the same transaction",
        "constraint-missing-not-valid": "links expire within days: the table is small and checked in a moment",
    },
    "202611242230": {
        "ban-drop-constraint": "a wider one replaces it in the same statement",
        "adding-foreign-key-constraint": "the table is new and empty",
        "constraint-missing-not-valid": "as above",
        "require-concurrent-index-creation": "as above",
    },
    "202611250120": {
        "ban-drop-constraint": "the one of an interrupted try, which is made again in the same statement",
        "adding-foreign-key-constraint": "the table is new and empty",
        "constraint-missing-not-valid": "as above",
        "require-concurrent-index-creation": "as above",
    },
    "202611250130": {
        "ban-drop-constraint": "only so that the migration can be repeated: the next statement adds it",
        "constraint-missing-not-valid": "it is not valid first; each statement is its own transaction",
    },
    "202611250250": {
        "ban-drop-constraint": "a wider one replaces it in the same statement",
        "constraint-missing-not-valid": "each statement is a transaction of its own, and the table is small",
    },
}


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Record the statements that are sent, except SELECT, SET and those on Alembic's table."""
    statements: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("SELECT", "SET ")) and "alembic_version" not in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


def squawk(sql: str, excluded: Iterable[str]) -> str:
    """Return what squawk finds in a migration that runs in one transaction on Postgres 15."""
    command = [
        str(Path(sys.executable).with_name("squawk")),
        "--assume-in-transaction",
        "--pg-version=15",
        "--reporter=gcc",
    ]
    left_out = [f"--exclude={rule}" for rule in excluded]
    found = subprocess.run([*command, *left_out], input=sql, text=True, capture_output=True, check=False)
    return found.stdout + found.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.revision)
async def test_the_sql_of_a_migration_is_safe_to_run_beside_a_service(empty_url: str, script: Script) -> None:
    if script.down_revision:
        await migrate(empty_url, str(script.down_revision))

    with recorded() as statements:
        await migrate(empty_url, script.revision)

    settings = [f"SET {name} = '{value}'" for name, value in _MIGRATION_SETTINGS.items()]
    found = squawk(
        ";\n".join([*settings, *statements, ""]), [*EXCLUDED, *OF_ONE_REVISION.get(script.revision, {})]
    )
    assert found == ""
