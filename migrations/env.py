"""Alembic's door to the database: on the connection that `app.database.migrate` hands over, or one of its own."""

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
    """Run the migrations, each in a transaction of its own.

    One for all would hold the locks of the first while it waits for those of the last: a deadlock with requests
    that take them in another order. What fails leaves those before it done; the next run continues there. A
    migration of several busy tables ends even its own (`autocommit_block`).
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
    """Whether a revision made from the tables may touch this: the job queue's tables are procrastinate's."""
    return kind != "table" or not (name or "").startswith("procrastinate_")


def _date_the_revision(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Name a new revision by its moment: ids then sort by age, and `/readyz` can tell older from newer."""
    for directive in directives:
        directive.rev_id = datetime.now(UTC).strftime("%Y%m%d%H%M")


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    url = load_settings().database_url
    if url is None:
        raise SystemExit("PASSGATE_DATABASE_URL is not set.")
    asyncio.run(on_connection(url.get_secret_value(), run))
