"""The embedded Postgres, used if no database URL is set; all its data is in one directory."""

from app.database.embedded.data_directory import running_url
from app.database.embedded.errors import EmbeddedPostgresError
from app.database.embedded.postgres import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "running_url"]
