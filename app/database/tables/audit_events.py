"""What happened, written in the transaction in which it happened. It refers to nobody: it outlives its users."""

from sqlalchemy import Column, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from app.database.base import Moment, account_id, metadata

audit_events = Table(
    "audit_events",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor_id", Uuid),
    Column("credential", Text),
    Column("target_type", Text),
    Column("target_id", Uuid),
    Column("ip", Text),
    Column("user_agent", Text),
    Column("request_id", Text),
    Column("details", JSONB, nullable=False),
    # One for each filter of the log; ids are in the order of time, the order in which it is read.
    Index(None, "account_id", "type", "id"),
    Index(None, "account_id", "actor_id", "id"),
    Index(None, "account_id", "target_id", "id"),
)
