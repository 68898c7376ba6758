"""The job queue's schema is that of the installed procrastinate, without its NOTIFY."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command

from app.database.migrate import configuration, migrate, on_connection
from tests.support.programs.database import migrated_database

# One row for each object of a schema, without the schema's name.
_MADE = """
    SELECT 'function ' || proname || ' ' || pg_get_function_arguments(p.oid) || ' ' || prosrc
    FROM pg_proc p WHERE proname LIKE 'procrastinate%' AND pronamespace = $1::text::regnamespace
    UNION ALL
    SELECT 'column ' || table_name || ' ' || column_name || ' ' || udt_name || ' ' || is_nullable || ' '
        || coalesce(column_default, '') || coalesce(character_maximum_length::text, '')
    FROM information_schema.columns WHERE table_schema = $1 AND table_name LIKE 'procrastinate%'
    UNION ALL
    SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename LIKE 'procrastinate%'
    UNION ALL
    SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(c.oid)
    FROM pg_constraint c
    WHERE connamespace = $1::text::regnamespace AND conrelid::regclass::text LIKE '%procrastinate%'
    UNION ALL
    SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class r ON r.oid = tgrelid
    WHERE NOT tgisinternal AND relnamespace = $1::text::regnamespace AND relname LIKE 'procrastinate%'
    UNION ALL
    SELECT 'value ' || typname || ' ' || enumlabel FROM pg_enum JOIN pg_type t ON t.oid = enumtypid
    WHERE typnamespace = $1::text::regnamespace
"""


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with migrated_database(tmp_path_factory.mktemp("queue") / "data") as url:
        yield url


async def made(connection: Any, schema: str) -> set[str]:
    """Return the objects of the schema."""
    await connection.execute(f"SET search_path = {schema}")
    return {row[0].replace(f"{schema}.", "") for row in await connection.fetch(_MADE, schema)}


async def test_the_migration_creates_the_schema_of_the_installed_release(own_database: str) -> None:
    connection = await asyncpg.connect(own_database)
    try:
        ours = await made(connection, "public")
        await connection.execute("CREATE SCHEMA installed; SET search_path = installed")
        await connection.execute(files("procrastinate").joinpath("sql/schema.sql").read_text())
        theirs = await made(connection, "installed")
        await connection.execute("DROP SCHEMA installed CASCADE")
    finally:
        await connection.close()

    assert len(theirs) > 80
    assert ours - theirs == set()
    # Inserts send no NOTIFY, because NOTIFY makes all sign-ins commit one after another.
    left_out = "\n".join(sorted(theirs - ours))
    assert re.findall(r"^(?:function|trigger CREATE TRIGGER) \w+", left_out, re.MULTILINE) == [
        "function procrastinate_notify_queue_job_inserted_v1",
        "trigger CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1",
    ]
    assert len(theirs - ours) == 2


async def test_the_tables_and_the_migrations_agree(own_database: str) -> None:
    def check(connection: Any) -> None:
        config = configuration()
        config.attributes["connection"] = connection
        command.check(config)

    await on_connection(own_database, check)


async def test_the_queue_can_be_removed_and_created_again(own_database: str) -> None:
    connection = await asyncpg.connect(own_database)
    try:
        before = await made(connection, "public")
        await migrate(own_database, "202611240656", down=True)
        assert await made(connection, "public") == set()
        await migrate(own_database)
        assert await made(connection, "public") == before
    finally:
        await connection.close()


def test_the_stored_schema_equals_that_of_the_installed_release() -> None:
    kept = Path(__file__).parents[2] / "migrations" / "procrastinate" / "3.10.sql"

    assert kept.read_text() == files("procrastinate").joinpath("sql/schema.sql").read_text()
