"""Pending third-party sign-ins, and used tokens, which must not be accepted again."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, UniqueConstraint, Uuid

from app.database.base import Moment, account_id, belongs_to_user, metadata
from app.database.tables.sso_providers import belongs_to_provider

# A browser's sign-in request to a provider; without a provider, a nonce for a native client.
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
    Column("code_challenge", Text),  # of the front end's code verifier, if it has one (RFC 7636, S256)
    belongs_to_provider(),
    UniqueConstraint("account_id", "secret_digest"),
    Index(None, "account_id", "provider_id"),
)

# Used tokens and assertions of providers, by a digest of their ids. A row belongs to the account and not to the
# provider: if a provider is deleted and configured again, its used tokens stay unusable.
sso_used_tokens = Table(
    "sso_used_tokens",
    metadata,
    account_id(),
    Column("token_digest", LargeBinary, primary_key=True),
    Column("expires_at", Moment, nullable=False),
)

# Codes that the browser passes to the front end, which exchanges them for a session.
exchange_codes = Table(
    "exchange_codes",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("code_digest", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),  # of `second_factor_state` at the provider's sign-in
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("code_challenge", Text),  # the exchange needs the verifier of this challenge
    Column("browser_digest", LargeBinary),  # without a challenge, it needs the cookie with this digest
    belongs_to_user(),
    belongs_to_provider(),
    UniqueConstraint("account_id", "code_digest"),
    Index(None, "account_id", "user_id"),
    Index(None, "account_id", "provider_id"),
)
