"""The trusted devices of users. A revoked device is deleted."""

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
    # `trusted_device_days` of the policy at that time. The smaller of this and the current value counts.
    Column("days", SmallInteger, nullable=False),
    Column("last_used_at", Moment),
    Column("ip", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    belongs_to_user(),
    Index(None, "account_id", "user_id"),
)
