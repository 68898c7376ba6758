"""The users of an account, with their passwords' hashes."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    literal_column,
    text,
)

from app.database.base import Moment, account_id, metadata

users = Table(
    "users",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),  # folded: two addresses are equal when their keys are
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("external_id", Text),
    Column("locale", Text, nullable=False),
    Column("password_hash", Text),
    Column("created_at", Moment, nullable=False),
    Column("last_sign_in_at", Moment),
    ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    UniqueConstraint("account_id", "email_key"),
    UniqueConstraint("account_id", "external_id"),
    Index("uq_users_owner", "account_id", unique=True, postgresql_where=text("role = 'owner'")),
    CheckConstraint("role IN ('owner', 'admin', 'agent', 'end_user')", name="role"),
    CheckConstraint("status IN ('active', 'suspended')", name="status"),
    postgresql_with={"fillfactor": 85},  # room for the update that every sign-in makes
)

# What the hash of a password costs, as `app.crypto.password_hashes.kind_of` reads it. An index, because every
# password that is judged asks which kinds the account has; not a column, which could disagree with the hash.
password_kind = func.regexp_substr(
    users.c.password_hash, literal_column("'^[$](2b[$][0-9]{2}|argon2id?[$]v=19[$][^$]{1,60})'")
)
Index("ix_users_account_id_password_kind", users.c.account_id, password_kind)
