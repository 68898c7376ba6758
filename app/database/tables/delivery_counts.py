"""How many letters came to which end: counted here, so that every process tells what all workers have sent."""

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
