"""Counts of e-mails by result, so that every process can report the total of all workers."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text

from app.database.base import account_id, metadata

delivery_counts = Table(
    "delivery_counts",
    metadata,
    account_id(),
    Column("channel", Text, primary_key=True),
    Column("result", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    CheckConstraint("result IN ('sent', 'refused', 'unavailable')", name="result"),
)
