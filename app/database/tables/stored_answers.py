"""The answers to requests with an `Idempotency-Key`, for 10 minutes.

A row is deleted with the session or API token that may read the answer back, and so with its user. Once it was
read back, `sealed_answer` holds no answer any more; the row stays, so that the request is not done again.
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

from app.database.base import Moment, account_id, metadata, sealed


def _belongs_to(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["account_id", column], [f"{table}.account_id", f"{table}.id"], ondelete="CASCADE")


stored_answers = Table(
    "stored_answers",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),  # the caller
    Column("session_id", Uuid),  # the caller's session; of a sign-in, the one that it opened
    Column("api_token_id", Uuid),
    Column("key_digest", LargeBinary, nullable=False),  # of the credential and the key
    sealed("sealed_answer", user="user_id"),
    Column("expires_at", Moment, nullable=False),
    _belongs_to("session_id", "sessions"),
    _belongs_to("api_token_id", "api_tokens"),
    UniqueConstraint("account_id", "key_digest"),
    Index(None, "account_id", "session_id"),
    Index(None, "account_id", "api_token_id"),
    CheckConstraint("num_nonnulls(session_id, api_token_id) = 1", name="read_back_by"),
)
