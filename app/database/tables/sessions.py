"""The sessions. An ended session is deleted."""

from sqlalchemy import ARRAY, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, Uuid, text

from app.database.base import Moment, account_id, belongs_to_user, metadata

sessions = Table(
    "sessions",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("token_digest", LargeBinary, nullable=False),
    Column("amr", ARRAY(Text), nullable=False),
    Column("first_factor_at", Moment),  # when the password (or a provider's sign-in) was last verified
    Column("second_factor_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("ip", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("step_up_failures", Integer, nullable=False, server_default=text("0")),  # since its last success
    belongs_to_user(),
    UniqueConstraint("account_id", "token_digest"),
    Index(None, "account_id", "user_id"),
)
