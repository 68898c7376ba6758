"""When a key signs, how long it is published, and the claims of an identity token."""

import itertools
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from app.core.callers import Role
from app.sessions.rules import Session

TOKEN_LIFETIME = timedelta(minutes=5)
KEY_LIFETIME = timedelta(days=90)

# Each instance caches the keys (`REMEMBERED`), and so may every service that fetches them (`MAX_AGE`). A new key
# is published before it signs, for much longer than both caches together.
REMEMBERED = timedelta(minutes=1)
MAX_AGE = timedelta(minutes=5)
PUBLISHED_AHEAD = timedelta(hours=1)

# Added to the expiry of the last token that a key signed, because clocks differ.
_MARGIN = timedelta(minutes=10)

_PRINTABLE = re.compile("[!-~]+")


@dataclass(frozen=True)
class SigningKey:
    """A signing key, decrypted; from `signs_from` on it replaces the previous generation."""

    id: UUID
    generation: int
    signs_from: datetime
    private_key: bytes


@dataclass(frozen=True)
class Successor:
    """The next key to create."""

    generation: int
    signs_from: datetime


def signer(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """Return the key that signs now: the newest one whose `signs_from` has passed.

    If there is none, an instance whose clock is ahead has just created the first key. Return that one, because it
    is published already.
    """
    return max(
        (key for key in keys if key.signs_from <= now),
        key=lambda key: key.generation,
        default=min(keys, key=lambda key: key.generation),
    )


def successor(keys: Sequence[SigningKey], now: datetime, *, rotate: bool = False) -> Successor | None:
    """Return the key that must be created now, if any.

    The first key signs at once, because nobody has cached the keys without it. The next one is due if the newest
    has signed for 90 days, or with `rotate`. While a key does not sign yet, no other is created.
    """
    if not keys:
        return Successor(1, now)
    newest = max(keys, key=lambda key: key.generation)
    if newest.signs_from > now or not (rotate or now - newest.signs_from >= KEY_LIFETIME):
        return None
    return Successor(newest.generation + 1, now + PUBLISHED_AHEAD)


def ended(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """Return the keys whose last token has expired, and that need not be published any more."""
    in_order = sorted(keys, key=lambda key: key.generation)
    return [old for old, new in itertools.pairwise(in_order) if new.signs_from + TOKEN_LIFETIME + _MARGIN <= now]


def is_audience(text: str) -> bool:
    """Whether `text` is an absolute ASCII http(s) URL without user and fragment (RFC 8707 2)."""
    if not _PRINTABLE.fullmatch(text) or "#" in text:
        return False
    with suppress(ValueError):  # raised by `urlsplit` and its `port`
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        return has_host and parts.scheme in {"http", "https"}
    return False


def claims(
    session: Session,
    role: Role,
    *,
    issuer: str,
    audience: str,
    account: str,
    in_test_account: bool,
    token_id: UUID,
) -> dict[str, Any]:
    """Return the claims of a token, without `iat` and `exp` (OpenID Connect Core 2).

    `account` is the slug, as in paths. Only tokens of a test account have the claim `test_account`.
    """
    return {
        "iss": issuer,
        "sub": str(session.user_id),
        "aud": audience,
        "account": account,
        "role": role.value,
        "sid": str(session.id),
        "amr": list(session.amr),
        "acr": session.assurance,
        "auth_time": int(session.authenticated_at.timestamp()),
        "jti": str(token_id),
    } | ({"test_account": True} if in_test_account else {})
