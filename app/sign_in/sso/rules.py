"""What a provider may do, whom it vouches for, and what a token must say (docs/api.md section 9)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.accounts.users.rules import email_domain
from app.core.callers import Role

CODE_PREFIX = "pgc_"
CODE_LIFETIME = timedelta(seconds=60)
BROWSER_PREFIX = "pgx_"
REQUEST_PREFIX = "pgo_"
REQUEST_LIFETIME = timedelta(minutes=10)
LONGEST_ID = 255

_AROUND_NOW = timedelta(seconds=180)
"""How far from now a JWT may have been issued, either way."""


_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def is_name(text: str) -> bool:
    """Whether a provider may be named like this."""
    return _NAME.fullmatch(text) is not None


class ProviderType(StrEnum):
    """By which protocol a provider vouches."""

    JWT = "jwt"
    OIDC = "oidc"
    SAML = "saml"


@dataclass(frozen=True)
class Provider:
    """A third party that may vouch for users of these roles; `settings` are those that only its type has."""

    id: UUID
    name: str
    type: ProviderType
    create_users: bool
    default_role: Role
    roles: frozenset[Role]
    trusted_domains: frozenset[str]
    settings: dict[str, Any]
    sealed_secret: bytes | None

    def described(self) -> dict[str, Any]:
        """Return what is stored of it beside its name, and may be recorded: all but the secret."""
        return {
            "type": self.type.value,
            "create_users": self.create_users,
            "default_role": self.default_role.value,
            "roles": sorted(role.value for role in self.roles),
            "trusted_domains": sorted(self.trusted_domains),
            "settings": self.settings,
        }

    def trusts_address(self, identity: "Identity") -> bool:
        """Whether the provider's word about an e-mail address is enough to say which user it is.

        Only of a domain that the account trusts it with, and never of an address that it calls unverified.
        """
        return identity.email_verified is not False and email_domain(identity.email) in self.trusted_domains

    def may_make_user(self, identity: "Identity") -> bool:
        """Whether a user may be made of the identity: nobody claims an address that nobody has proven."""
        if not self.create_users or self.default_role not in self.roles:
            return False
        return identity.email_verified is True or self.trusts_address(identity)


@dataclass(frozen=True)
class Identity:
    """Whom a provider vouches for: `subject` is its own name for them, `external_id` the application's.

    `email_verified` is None where the protocol does not say whether somebody has looked (JWT, SAML).
    """

    email: str
    name: str | None
    email_verified: bool | None
    subject: str | None = None
    external_id: str | None = None


@dataclass(frozen=True)
class LoginRequest:
    """A browser on its way to a provider and back to `return_to`; without a provider, a nonce.

    `code_challenge` is what the front end began with, if it keeps a verifier (RFC 7636, S256).
    """

    id: UUID
    provider_id: UUID | None
    return_to: str | None
    expires_at: datetime
    code_challenge: str | None = None


@dataclass(frozen=True)
class CodeBinding:
    """Who may exchange a code: who knows the challenge's verifier, or the browser whose secret has the digest."""

    code_challenge: str | None
    browser_digest: bytes | None


@dataclass(frozen=True)
class HandedOut:
    """A code for the front end; and the secret that its browser keeps, where no challenge was given."""

    code: str
    browser_secret: str | None


@dataclass(frozen=True)
class ExchangeCode:
    """What a browser brings back: whose session it stands for, and the version that it was given under."""

    id: UUID
    provider_id: UUID
    user_id: UUID
    version: int
    expires_at: datetime


def derive(secret: str, purpose: str) -> str:
    """Return what stands for a browser's secret where others see it: one value for each purpose, 256 bits."""
    mac = hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def pkce_challenge(verifier: str) -> str:
    """Return the challenge of a code verifier by S256 (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class JwtClaims:
    """What a JWT says; it is refused as used before until `remembered_until`."""

    token_id: str
    identity: Identity
    remembered_until: datetime


def read_claims(claims: Mapping[str, Any], now: datetime) -> JwtClaims:
    """Return what a JWT of a provider says; raises `ValueError` for a claim that is missing or wrong.

    `iat` is at most 180 seconds from now, `exp` and `nbf` hold where they are given, `jti` is the token's own.
    """
    issued_at = time_claim(claims, "iat")
    if abs(now - issued_at) > _AROUND_NOW:
        raise ValueError("iat is too far from now")
    if "exp" in claims and now >= time_claim(claims, "exp"):
        raise ValueError("exp is over")
    if "nbf" in claims and now < time_claim(claims, "nbf"):
        raise ValueError("nbf is to come")
    external_id = text_claim(claims, "external_id") if "external_id" in claims else None
    identity = Identity(
        text_claim(claims, "email"), text_claim(claims, "name"), email_verified=None, external_id=external_id
    )
    return JwtClaims(text_claim(claims, "jti"), identity, issued_at + 2 * _AROUND_NOW)


def text_claim(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that is printable text of 1 to 255 characters; raises `ValueError`."""
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_ID or not value.isprintable():
        raise ValueError(f"{name} is missing or no printable text")
    return value


def time_claim(claims: Mapping[str, Any], name: str) -> datetime:
    """Return a claim that is a number of seconds since 1970 (RFC 7519 2); raises `ValueError`."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is missing or no number")  # noqa: TRY004 -- one kind of refusal for every claim
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{name} is in no year that we know") from None
