"""The audit log; an event is written in the same transaction as the change that it records.

There is no foreign key to users: events outlive them.
"""

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
    # One index per filter of the log. The log is read in the order of ids, which is chronological.
    Index(None, "account_id", "type", "id"),
    Index(None, "account_id", "actor_id", "id"),
    Index(None, "account_id", "target_id", "id"),
)
