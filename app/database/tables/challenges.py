"""What was asked of an authenticator whose kind asks first: one at a time for a sign-in, or for a session.

A row goes with the first answer, right or wrong, and with its sign-in, session or authenticator.
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
    Column("sign_in_id", Uuid),  # in which it was asked;
    Column("session_id", Uuid),  # or this, for a step-up
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
