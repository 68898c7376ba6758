"""The contents of reports: compressed, in chunks that are numbered from 0."""

from sqlalchemy import Column, ForeignKeyConstraint, Integer, LargeBinary, Table, Uuid

from app.database.base import account_id, metadata

report_chunks = Table(
    "report_chunks",
    metadata,
    account_id(),
    Column("report_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(["account_id", "report_id"], ["reports.account_id", "reports.id"], ondelete="CASCADE"),
)
