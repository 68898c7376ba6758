"""The recovery codes: at most one set per user; each code of it can be used once."""

from sqlalchemy import Column, ForeignKeyConstraint, LargeBinary, Table, Text, UniqueConstraint, Uuid

from app.database.base import Moment, account_id, belongs_to_user, metadata

recovery_code_sets = Table(
    "recovery_code_sets",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("parameters", Text, nullable=False),  # of Argon2id, at the time the set was made
    Column("created_at", Moment, nullable=False),
    belongs_to_user(),
    UniqueConstraint("account_id", "user_id"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    account_id(),
    Column("set_id", Uuid, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("used_at", Moment),
    ForeignKeyConstraint(
        ["account_id", "set_id"],
        ["recovery_code_sets.account_id", "recovery_code_sets.id"],
        ondelete="CASCADE",
    ),
)
