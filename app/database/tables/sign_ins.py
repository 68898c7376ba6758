"""Pending sign-ins: the first factor was proven; a passcode or an enrollment must follow."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from app.database.base import Moment, account_id, belongs_to_user, metadata

sign_ins = Table(
    "sign_ins",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("token_digest", LargeBinary, nullable=False),
    Column("next_step", Text, nullable=False),
    Column("version", BigInteger, nullable=False),  # of `second_factor_state` when the password was verified
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("asserted_by", Uuid),  # the API token of the backend that checked the password itself
    belongs_to_user(),
    UniqueConstraint("account_id", "token_digest"),
    Index(None, "account_id", "user_id"),
    CheckConstraint("next_step IN ('passcode', 'enrollment')", name="next_step"),
    postgresql_with={"fillfactor": 80},  # room for the update of `used_at`
)
