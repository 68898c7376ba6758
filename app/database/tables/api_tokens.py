"""API tokens of users. A revoked one is deleted; of the token only a digest is kept."""

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
    # Fixed when it is made: whether a `sign_ins` token signs in admins and the owner; null is no.
    Column("signs_in_admins", Boolean),
    belongs_to_user(),
    UniqueConstraint("account_id", "token_digest"),
    Index(None, "account_id", "user_id"),
)
