"""Running the migrations of a database with Alembic."""

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.database.engine import connect
from app.database.revisions import MIGRATIONS

# Only one process at a time migrates a database. An arbitrary number, the same in every release.
_ADVISORY_LOCK = 7_237_123_874

_CONNECT_SECONDS = 10

# A migration must not wait long for a lock: all later queries on the table would wait behind it.
_MIGRATION_SETTINGS = {"application_name": "passgate migrate", "lock_timeout": "5s", "statement_timeout": "10min"}


def configuration() -> Config:
    """Return Alembic's configuration of this package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


async def on_connection(url: str, work: Callable[[Connection], None]) -> None:
    """Run `work` on a separate connection while holding the advisory lock; raises `Unavailable`."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(url, seconds=_CONNECT_SECONDS, settings=_MIGRATION_SETTINGS),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            # Wait for another migration without a limit: the lock timeout is only for the migration itself.
            await connection.execute(text("SET lock_timeout = 0"))
            await connection.execute(text(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})"))
            await connection.execute(text("SET lock_timeout = '5s'"))
            await connection.commit()
            try:
                await connection.run_sync(work)
                await connection.commit()
            finally:
                await connection.rollback()
                await connection.execute(text(f"SELECT pg_advisory_unlock({_ADVISORY_LOCK})"))
    finally:
        await engine.dispose()


async def migrate(url: str, revision: str = "head", *, down: bool = False) -> None:
    """Upgrade the database at `url` to `revision`, or with `down` downgrade it."""

    def work(connection: Connection) -> None:
        config = configuration()
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)

    await on_connection(url, work)
