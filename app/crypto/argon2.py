"""Argon2 by libsodium, which uses AVX2 and AVX-512 if available and releases the GIL."""

from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

# In characters. libsodium stores a hash in 128 bytes, including a final zero byte, and verifies no longer one.
LONGEST_HASH = argon2id.PWHASH_SIZE
_DIGEST_BYTES = 32
_KIB = 1024


def hash_(password: bytes, *, passes: int, memory_kib: int) -> str:
    """Return the PHC string of a 32-byte Argon2id hash: one lane, new 16-byte salt.

    Raises `RuntimeError` if there is not enough memory; so does `digest`.
    """
    return argon2id.str(password, passes, memory_kib * _KIB).decode()


def digest(text: bytes, salt: bytes, *, passes: int, memory_kib: int) -> bytes:
    """Return 32 bytes of raw Argon2id, one lane. Raises `ValueError` unless the salt has 16."""
    return argon2id.kdf(_DIGEST_BYTES, text, salt, passes, memory_kib * _KIB)


def matches(hash_: str, password: bytes) -> bool:
    """Whether a password matches a PHC string of at most `LONGEST_HASH` characters.

    Supports Argon2id and Argon2i with any number of lanes. A malformed string never matches, and is rejected
    without computing a hash.
    """
    try:
        return argon2id.verify(hash_.encode(), password)
    except InvalidkeyError:
        return False
