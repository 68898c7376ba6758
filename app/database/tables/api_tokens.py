"""API tokens of users: only a digest of each token. A revoked token is deleted."""

from sqlalchemy import ARRAY, Boolean, Column, Index, LargeBinary, Table, Text, UniqueConstraint, Uuid

from app.database.base import Moment, account_id, belongs_to_user, metadata

api_tokens = Table(
    "api_tokens",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("token_digest", LargeBinary, nullable=False),
    Column("description", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    # Fixed at creation: whether a token with the scope `sign_ins` may sign in admins and the owner; null means no.
    Column("signs_in_admins", Boolean),
    belongs_to_user(),
    UniqueConstraint("account_id", "token_digest"),
    Index(None, "account_id", "user_id"),
)
