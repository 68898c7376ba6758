"""How full each password-guessing limit is: for each key the moment when it will be empty (GCRA)."""

from sqlalchemy import Column, LargeBinary, Table, Text

from app.database.base import Moment, account_id, metadata

password_limits = Table(
    "password_limits",
    metadata,
    account_id(),
    Column("limit", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),  # a digest: the address or the e-mail address is not kept
    Column("empty_at", Moment, nullable=False),
    Column("recorded_at", Moment),  # when the audit log was last told that it is full
)
