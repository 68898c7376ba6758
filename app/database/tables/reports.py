"""The requested reports.

`requested_by` has no foreign key: a report outlives its requester. The token of the e-mailed link is sealed until
the e-mail has been sent; then only its digest is kept.
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
    true,
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
    Column("size", BigInteger),  # of the download, in bytes
    Column("token_digest", LargeBinary),
    sealed("sealed_token", user="requested_by", nullable=True),
    Column("link_expires_at", Moment),
    Column("link_voided", Boolean),  # true if the requester has lost the authority to download it
    Column("notify", Boolean, nullable=False, server_default=true()),  # whether a link is e-mailed
    ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    CheckConstraint("type IN ('two_factor_status')", name="type"),
    CheckConstraint("status IN ('queued', 'running', 'ready', 'failed', 'expired')", name="status"),
)
