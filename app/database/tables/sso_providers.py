"""Who else may vouch for an account's users: the identity providers that its admins have named."""

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
    Column(
        "id", Uuid, primary_key=True
    ),  # a new one when the type or the issuer changes: other users come from there
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("create_users", Boolean, nullable=False),
    Column("default_role", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("trusted_domains", ARRAY(Text), nullable=False),
    Column("settings", JSONB, nullable=False),  # what only its type has, never a secret
    sealed("sealed_secret", user=None, nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    UniqueConstraint("account_id", "name"),
    CheckConstraint("type IN ('jwt', 'oidc', 'saml')", name="type"),
)


def belongs_to_provider() -> ForeignKeyConstraint:
    """Return the foreign key by which a row goes when its provider is deleted."""
    return ForeignKeyConstraint(
        ["account_id", "provider_id"], ["sso_providers.account_id", "sso_providers.id"], ondelete="CASCADE"
    )


# Which user a provider means by a subject: one of each for the other.
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
