"""Alembic's environment: uses the connection of `app.database.migrate`, or opens its own."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from alembic import context
from sqlalchemy import Connection

import app.database.tables  # noqa: F401 -- importing the tables fills the metadata
from app.core.settings import load_settings
from app.database.base import metadata
from app.database.migrate import on_connection


def run(connection: Connection) -> None:
    """Run the migrations, each in its own transaction.

    One transaction for all would hold the locks of the first migration while it waits for those of the last, and
    could deadlock with requests that take them in another order. If a migration fails, those before it stay
    committed, and the next run continues there. A migration that changes several busy tables commits after each
    statement (`autocommit_block`).
    """
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=_is_ours,
        process_revision_directives=_date_the_revision,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Whether autogenerate may change this; the tables of the job queue belong to procrastinate."""
    return kind != "table" or not (name or "").startswith("procrastinate_")


def _date_the_revision(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Use the time as the id of a new revision: `/readyz` compares ids to find the newer one."""
    for directive in directives:
        directive.rev_id = datetime.now(UTC).strftime("%Y%m%d%H%M")


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    url = load_settings().database_url
    if url is None:
        raise SystemExit("PASSGATE_DATABASE_URL is not set.")
    asyncio.run(on_connection(url.get_secret_value(), run))
