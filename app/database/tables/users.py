"""The users of the accounts, with their password hashes."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
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
    Column("email_key", Text, nullable=False),  # two addresses are equal if their keys are (`email_key`)
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("external_id", Text),
    Column("locale", Text, nullable=False),
    Column("password_hash", Text),
    Column("created_at", Moment, nullable=False),
    Column("last_sign_in_at", Moment),
    Column("kind", Text, nullable=False, server_default=text("'person'")),  # decided when made: a trigger keeps it
    Column("test_passcode", Boolean, nullable=False, server_default=false()),  # in test accounts only: a trigger
    ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    UniqueConstraint("account_id", "email_key"),
    UniqueConstraint("account_id", "external_id"),
    Index("uq_users_owner", "account_id", unique=True, postgresql_where=text("role = 'owner'")),
    CheckConstraint("role IN ('owner', 'admin', 'agent', 'end_user')", name="role"),
    CheckConstraint("status IN ('active', 'suspended')", name="status"),
    CheckConstraint(
        "kind = 'person' OR (kind = 'service' AND role IN ('admin', 'agent') AND password_hash IS NULL "
        "AND external_id IS NULL AND NOT test_passcode)",
        name="kind",
    ),
    postgresql_with={"fillfactor": 85},  # room for the update by every sign-in
)

# The algorithm and cost of a password hash, as `app.crypto.password_hashes.kind_of` returns it. Indexed, because
# each password check asks which kinds the account has. Not a column, because it could disagree with the hash.
password_kind = func.regexp_substr(
    users.c.password_hash, literal_column("'^[$](2b[$][0-9]{2}|argon2id?[$]v=19[$][^$]{1,60})'")
)
Index("ix_users_account_id_password_kind", users.c.account_id, password_kind)
