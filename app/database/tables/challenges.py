"""The challenges of authenticators whose kind uses them: at most one per sign-in or session.

A row is deleted by the first answer, right or wrong, and with its sign-in, session or authenticator.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
    Uuid,
)

from app.database.base import Moment, account_id, metadata


def _belongs_to(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["account_id", column], [f"{table}.account_id", f"{table}.id"], ondelete="CASCADE")


challenges = Table(
    "challenges",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("sign_in_id", Uuid),  # the sign-in of the challenge; null for a step-up
    Column("session_id", Uuid),  # the session of a step-up; null for a sign-in
    Column("authenticator_id", Uuid, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("expires_at", Moment, nullable=False),
    _belongs_to("sign_in_id", "sign_ins"),
    _belongs_to("session_id", "sessions"),
    _belongs_to("authenticator_id", "authenticators"),
    UniqueConstraint("account_id", "sign_in_id"),
    UniqueConstraint("account_id", "session_id"),
    Index(None, "account_id", "authenticator_id"),
    CheckConstraint("num_nonnulls(sign_in_id, session_id) = 1", name="asked_in"),
)
