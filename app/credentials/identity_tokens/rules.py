"""When a key signs and how long it is published, and what an identity token says."""

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

# The way of a public key to whoever verifies: each instance remembers the keys, and so may everybody who fetched
# them. A new key is published for much longer than both together before it signs.
REMEMBERED = timedelta(minutes=1)
MAX_AGE = timedelta(minutes=5)
PUBLISHED_AHEAD = timedelta(hours=1)

# Beyond the end of the last token that a key signed: for clocks that differ.
_MARGIN = timedelta(minutes=10)

_PRINTABLE = re.compile("[!-~]+")


@dataclass(frozen=True)
class SigningKey:
    """A key with its private half, opened; `signs_from` is when it takes over from the generation before."""

    id: UUID
    generation: int
    signs_from: datetime
    private_key: bytes


@dataclass(frozen=True)
class Successor:
    """The key to make next."""

    generation: int
    signs_from: datetime


def signer(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """Return the key that signs now: the newest that has begun to.

    Where none has, an instance whose clock is ahead has just made the first one, and that is published already.
    """
    return max(
        (key for key in keys if key.signs_from <= now),
        key=lambda key: key.generation,
        default=min(keys, key=lambda key: key.generation),
    )


def successor(keys: Sequence[SigningKey], now: datetime, *, rotate: bool = False) -> Successor | None:
    """Return the key that is to be made now, if any.

    The very first one, which signs at once, since nobody has seen the keys without it; or the next, where the
    newest has signed for 90 days or someone asks to `rotate`. While one waits for its turn, no other is made.
    """
    if not keys:
        return Successor(1, now)
    newest = max(keys, key=lambda key: key.generation)
    if newest.signs_from > now or not (rotate or now - newest.signs_from >= KEY_LIFETIME):
        return None
    return Successor(newest.generation + 1, now + PUBLISHED_AHEAD)


def ended(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """Return the keys whose last token has ended: they need not be published any more."""
    in_order = sorted(keys, key=lambda key: key.generation)
    return [old for old, new in itertools.pairwise(in_order) if new.signs_from + TOKEN_LIFETIME + _MARGIN <= now]


def is_audience(text: str) -> bool:
    """Whether `text` is an absolute address of the web, in ASCII, without user and fragment (RFC 8707 2)."""
    if not _PRINTABLE.fullmatch(text) or "#" in text:
        return False
    with suppress(ValueError):  # what `urlsplit` and its `port` raise
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        return has_host and parts.scheme in {"http", "https"}
    return False


def claims(
    session: Session, role: Role, *, issuer: str, audience: str, account: str, token_id: UUID
) -> dict[str, Any]:
    """Return what a token tells `audience` of the session's user (OpenID Connect Core 2), but for its times.

    `account` is the slug, as in paths.
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
    }
