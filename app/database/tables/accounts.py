"""The accounts: one row per tenant."""

from sqlalchemy import Column, Table, Text, UniqueConstraint, Uuid

from app.database.base import Moment, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("slug"),
)
