"""The embedded Postgres, used if no database URL is set; all its data is in one directory."""

from app.database.embedded.data_directory import describe_outage, known_url, running_url
from app.database.embedded.errors import EmbeddedPostgresError, EmbeddedPostgresLostError
from app.database.embedded.postgres import EmbeddedPostgres
from app.database.embedded.upgrade import Upgrade, upgrade_cluster

__all__ = [
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "EmbeddedPostgresLostError",
    "Upgrade",
    "describe_outage",
    "known_url",
    "running_url",
    "upgrade_cluster",
]
