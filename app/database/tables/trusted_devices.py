"""The browsers and apps in which a user passed a passcode. A revoked one is deleted."""

from sqlalchemy import Column, Index, LargeBinary, SmallInteger, Table, Text, Uuid

from app.database.base import Moment, account_id, belongs_to_user, metadata

trusted_devices = Table(
    "trusted_devices",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("secret_digest", LargeBinary, nullable=False),
    Column("trusted_at", Moment, nullable=False),
    Column("days", SmallInteger, nullable=False),  # that the policy gave then; the smaller of then and now counts
    Column("last_used_at", Moment),
    Column("ip", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    belongs_to_user(),
    Index(None, "account_id", "user_id"),
)
