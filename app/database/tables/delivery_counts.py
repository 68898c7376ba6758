"""Counts of e-mails by result, so that every process can report the total of all workers."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text

from app.database.base import account_id, metadata

DELIVERY_RESULTS = ("sent", "refused", "expired", "deferred", "unavailable", "misconfigured")
"""What they mean: `app.delivery.repository.Result`."""

delivery_counts = Table(
    "delivery_counts",
    metadata,
    account_id(),
    Column("channel", Text, primary_key=True),
    Column("result", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    CheckConstraint(f"result IN {DELIVERY_RESULTS}", name="result"),
)
