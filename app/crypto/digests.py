"""Random secrets: shown once, stored only as a digest, and looked up by it."""

import hashlib
import hmac
import re
import secrets

_SECRET_BYTES = 32


def new_secret(prefix: str) -> str:
    """Return `prefix` and 43 characters of unpadded base64url: 256 bits of system randomness."""
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)


def is_secret(text: str, prefix: str) -> bool:
    """Whether `text` has the format of `new_secret(prefix)`; anything else needs no lookup."""
    return re.fullmatch(re.escape(prefix) + "[A-Za-z0-9_-]{43}", text) is not None


def digest(text: str) -> bytes:
    """Return the 32 bytes of SHA-256 over the UTF-8 of `text`.

    A fast digest is enough for 256 random bits (ASVS 6.5.2). For secrets that people choose or type, use
    `app.crypto.passwords`.
    """
    return hashlib.sha256(text.encode()).digest()


def same(a: bytes, b: bytes) -> bool:
    """Compare two digests in constant time (ASVS 11.2.4)."""
    return hmac.compare_digest(a, b)
