"""The identity providers that an account's admins configured, and the linked identities."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.database.base import Moment, account_id, belongs_to_user, metadata, sealed

sso_providers = Table(
    "sso_providers",
    metadata,
    account_id(),
    # A new id if the type or the issuer changes, because its subjects then mean other users.
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("create_users", Boolean, nullable=False),
    Column("default_role", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("trusted_domains", ARRAY(Text), nullable=False),
    Column("settings", JSONB, nullable=False),  # settings of its type, never a secret
    sealed("sealed_secret", user=None, nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    UniqueConstraint("account_id", "name"),
    CheckConstraint("type IN ('jwt', 'oidc', 'saml')", name="type"),
)


def belongs_to_provider() -> ForeignKeyConstraint:
    """Return a foreign key that deletes the row together with its provider."""
    return ForeignKeyConstraint(
        ["account_id", "provider_id"], ["sso_providers.account_id", "sso_providers.id"], ondelete="CASCADE"
    )


# Maps a provider's subject to a user: one subject per user and one user per subject.
sso_identities = Table(
    "sso_identities",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("subject", Text, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("created_at", Moment, nullable=False),
    belongs_to_user(),
    belongs_to_provider(),
    UniqueConstraint("account_id", "provider_id", "subject"),
    UniqueConstraint("account_id", "provider_id", "user_id"),
    Index(None, "account_id", "user_id"),
)
