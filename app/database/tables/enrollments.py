"""Enrollments of authenticators: at most one open per user.

An ended enrollment is kept for a while, so that a confirmation of it is answered with 410.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from app.database.base import KIND_FORM, Moment, account_id, belongs_to_user, metadata, sealed

enrollments = Table(
    "enrollments",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("sign_in_id", Uuid),  # set if the enrollment was begun in a sign-in that requires it
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    sealed("sealed_secret", user="user_id"),
    Column("version", BigInteger, nullable=False),
    Column("failures", SmallInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    belongs_to_user(),
    Index("uq_enrollments_open", "account_id", "user_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    CheckConstraint(KIND_FORM, name="kind"),
)
