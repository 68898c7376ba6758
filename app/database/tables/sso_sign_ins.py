"""Sign-ins by a third party under way, and what was used in one and must never be again."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, UniqueConstraint, Uuid

from app.database.base import Moment, account_id, belongs_to_user, metadata
from app.database.tables.sso_providers import belongs_to_provider

# Begun by a browser on its way to a provider; or, without a provider, a nonce for a native client.
sso_requests = Table(
    "sso_requests",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("provider_id", Uuid),
    Column("secret_digest", LargeBinary, nullable=False),
    Column("return_to", Text),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("code_challenge", Text),  # of the front end's verifier, if it keeps one (RFC 7636, S256)
    belongs_to_provider(),
    UniqueConstraint("account_id", "secret_digest"),
    Index(None, "account_id", "provider_id"),
)

# Tokens and assertions of providers, by a digest of their ids. Of the account, not of the provider: deleting a
# provider and naming it anew makes none of them good again.
sso_used_tokens = Table(
    "sso_used_tokens",
    metadata,
    account_id(),
    Column("token_digest", LargeBinary, primary_key=True),
    Column("expires_at", Moment, nullable=False),
)

# What a browser brings back to the front end, to be exchanged for a session.
exchange_codes = Table(
    "exchange_codes",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("code_digest", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),  # of the user's second factor when the provider vouched
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("code_challenge", Text),  # whoever knows its verifier may exchange the code; without one,
    Column("browser_digest", LargeBinary),  # the browser whose cookie has this digest
    belongs_to_user(),
    belongs_to_provider(),
    UniqueConstraint("account_id", "code_digest"),
    Index(None, "account_id", "user_id"),
    Index(None, "account_id", "provider_id"),
)
