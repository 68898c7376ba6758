"""Confirmed authenticators of users; `sealed_secret` is decrypted only to check answers."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text, Uuid

from app.database.base import KIND_FORM, Moment, account_id, belongs_to_user, metadata, sealed

authenticators = Table(
    "authenticators",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    sealed("sealed_secret", user="user_id"),
    # The counter, which only its kind interprets and which only grows. Named after TOTP's last accepted time step.
    Column("last_accepted_step", BigInteger, nullable=False, key="counter"),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    belongs_to_user(),
    Index(None, "account_id", "user_id"),
    CheckConstraint(KIND_FORM, name="kind"),
    postgresql_with={"fillfactor": 80},
)
