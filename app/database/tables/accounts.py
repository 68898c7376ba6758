"""The accounts: one row per tenant."""

from sqlalchemy import Boolean, Column, Table, Text, UniqueConstraint, Uuid, false

from app.database.base import Moment, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("test", Boolean, nullable=False, server_default=false()),  # decided when made: a trigger keeps it
    UniqueConstraint("slug"),
)
