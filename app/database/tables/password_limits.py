"""Rate limits of password attempts: for each limit and key, when it will be empty (GCRA)."""

from sqlalchemy import Column, LargeBinary, Table, Text

from app.database.base import Moment, account_id, metadata

password_limits = Table(
    "password_limits",
    metadata,
    account_id(),
    Column("limit", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),  # a digest, so that no IP or e-mail address is stored
    Column("empty_at", Moment, nullable=False),
    Column("recorded_at", Moment),  # when the audit log last recorded that the bucket is full
)
