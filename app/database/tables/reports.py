"""The reports that were asked for.

The requester is not referred to: a report outlives them. The token of the e-mailed link is sealed until the letter
has been sent; then only its digest is left.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    Table,
    Text,
    Uuid,
)

from app.database.base import Moment, account_id, metadata, sealed

reports = Table(
    "reports",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("include_end_users", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("requested_by", Uuid, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("ready_at", Moment),
    Column("expires_at", Moment),
    Column("rows", BigInteger),
    Column("size", BigInteger),  # in bytes, as it is downloaded
    Column("token_digest", LargeBinary),
    sealed("sealed_token", user="requested_by", nullable=True),
    Column("link_expires_at", Moment),
    Column("link_voided", Boolean),  # true when its requester's authority has ended
    ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    CheckConstraint("type IN ('two_factor_status')", name="type"),
    CheckConstraint("status IN ('queued', 'running', 'ready', 'failed', 'expired')", name="status"),
)
