"""Secrets that are looked up: drawn at random, given out once, and kept only as their digest."""

import hashlib
import hmac
import re
import secrets

_SECRET_BYTES = 32


def new_secret(prefix: str) -> str:
    """Return `prefix` and 43 characters of base64url without padding: 256 bits of the system's randomness."""
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)


def is_secret(text: str, prefix: str) -> bool:
    """Say whether `text` has exactly the shape that `new_secret(prefix)` gives, and so is worth looking up."""
    return re.fullmatch(re.escape(prefix) + "[A-Za-z0-9_-]{43}", text) is not None


def digest(text: str) -> bytes:
    """Return the 32 bytes of SHA-256 over the UTF-8 of `text`.

    A fast digest is enough for 256 random bits (ASVS 6.5.2); what people choose or type belongs to
    `app.crypto.passwords`.
    """
    return hashlib.sha256(text.encode()).digest()


def same(a: bytes, b: bytes) -> bool:
    """Compare two digests in a time that does not tell where they differ (ASVS 11.2.4)."""
    return hmac.compare_digest(a, b)
