"""Identity providers, the identities they assert, and browser logins (docs/api.md section 9)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.accounts.users.rules import email_domain
from app.core.addresses import FetchPolicy, is_fetchable_url
from app.core.callers import Role
from app.core.errors import invalid_field
from app.core.one_line import is_one_line

CODE_PREFIX = "pgc_"
CODE_LIFETIME = timedelta(seconds=60)
BROWSER_PREFIX = "pgx_"
REQUEST_PREFIX = "pgo_"
REQUEST_LIFETIME = timedelta(minutes=10)
LONGEST_ID = 255
NO_ADDRESS = "This is no https address (or http on this machine)."

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def is_name(text: str) -> bool:
    """Whether the text can be a provider's name: 1 to 63 of a-z, 0-9 and -, with no - at either end."""
    return _NAME.fullmatch(text) is not None


class ProviderType(StrEnum):
    """The protocol of a provider; `protocols.py` has an entry for each."""

    JWT = "jwt"
    OIDC = "oidc"
    SAML = "saml"


def _accept(*_: object) -> None:
    """Accept: the protocol has nothing to check here."""


@dataclass(frozen=True)
class ProtocolSettings:
    """How providers of one protocol are configured. The checks raise `InvalidRequest`."""

    known: Mapping[str, bool]
    """The settings that only this protocol has; True if the setting is required."""
    secret: str | None = None
    """The name of the field with the secret; None if the protocol has no secret."""
    secret_required: bool = False
    secret_signs: bool = False
    """Whoever knows the secret can assert any identity (HMAC)."""
    check_installed: Callable[[], None] = _accept
    check: Callable[[Mapping[str, Any], FetchPolicy], None] = _accept
    """Called with settings of which every required one is present."""
    check_secret: Callable[[str], None] = _accept


def check_return_urls(urls: Sequence[str]) -> None:
    """Raise `InvalidRequest` if one of the URLs is neither https nor http on this machine."""
    for place, url in enumerate(urls):
        if not is_fetchable_url(url):
            raise invalid_field(f"/return_urls/{place}", "malformed", NO_ADDRESS)


@dataclass(frozen=True)
class Provider:
    """An identity provider, which may sign in users of these roles. `settings`: those of its protocol."""

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
        """Return the provider as stored and as audited: without its name, and without the secret."""
        return {
            "type": self.type.value,
            "create_users": self.create_users,
            "default_role": self.default_role.value,
            "roles": sorted(role.value for role in self.roles),
            "trusted_domains": sorted(self.trusted_domains),
            "settings": self.settings,
        }

    def trusts_address(self, identity: "Identity") -> bool:
        """Whether the asserted e-mail address alone may identify a user.

        Only in a domain that the account trusts the provider with, and never if the provider calls the address
        unverified.
        """
        return identity.email_verified is not False and email_domain(identity.email) in self.trusted_domains

    def may_create_user(self, identity: "Identity") -> bool:
        """Whether a user may be created from the identity: with a verified or trusted address."""
        if not self.create_users or self.default_role not in self.roles:
            return False
        return identity.email_verified is True or self.trusts_address(identity)


@dataclass(frozen=True)
class Identity:
    """A person that a provider asserts. `subject` is the provider's id of them, `external_id` the application's.

    `email_verified` is None where the protocol does not say (JWT, SAML). `name` is as it can be stored; None if
    there is none, or none that can be kept: a name is no reason to refuse a person.
    """

    email: str
    name: str | None
    email_verified: bool | None
    subject: str | None = None
    external_id: str | None = None

    @property
    def is_lasting(self) -> bool:
        """Whether something identifies the person that stays when the e-mail address changes."""
        return self.subject is not None or self.external_id is not None


@dataclass(frozen=True)
class LoginRequest:
    """A browser login under way, which ends at `return_to`; without a provider, a nonce of a native client.

    `code_challenge` is the front end's own, if it keeps a verifier (RFC 7636, S256).
    """

    id: UUID
    provider_id: UUID | None
    return_to: str | None
    expires_at: datetime
    code_challenge: str | None = None


@dataclass(frozen=True)
class CodeBinding:
    """What a code is bound to: the verifier of a challenge, or the cookie of a browser (SHA-256 digest)."""

    code_challenge: str | None
    browser_digest: bytes | None


@dataclass(frozen=True)
class HandedOut:
    """A new code for the front end, and the browser's secret if the login began without a challenge."""

    code: str
    browser_secret: str | None


@dataclass(frozen=True)
class ExchangeCode:
    """A stored code: the user to sign in, and the user's version when the code was issued."""

    id: UUID
    provider_id: UUID
    user_id: UUID
    version: int
    expires_at: datetime


class IdentityIncomplete(Exception):  # noqa: N818 -- named like the refusal that it becomes
    """A valid token or answer lacks what identifies a user. The message is shown, and quotes nothing of it."""


def derive(secret: str, purpose: str) -> str:
    """Derive a public value from a browser's secret: HMAC-SHA-256 of the purpose, in base64url."""
    mac = hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def pkce_challenge(verifier: str) -> str:
    """Return the S256 challenge of a code verifier (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def text_claim(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim of 1 to 255 characters without control characters; raises `ValueError`."""
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_ID or not is_one_line(value):
        raise ValueError(f"{name} is missing or no text without control characters")
    return value


def id_claim(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim as `text_claim` does; a whole number from 0 on is taken as its digits."""
    value = claims.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**LONGEST_ID:
        return str(value)
    return text_claim(claims, name)


def time_claim(claims: Mapping[str, Any], name: str) -> datetime:
    """Return a claim that is a number of seconds since 1970 (RFC 7519 2); raises `ValueError`."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is missing or no number")  # noqa: TRY004 -- one kind of refusal for every claim
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{name} is in no year that we know") from None
