"""Argon2 as libsodium computes it: with what the processor has of AVX2 and AVX-512, and without Python's lock."""

from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

# In characters. libsodium keeps a hash in 128 bytes, the last of which is zero, and judges none that is longer.
LONGEST_HASH = argon2id.PWHASH_SIZE
_DIGEST_BYTES = 32
_KIB = 1024


def hash_(password: bytes, *, passes: int, memory_kib: int) -> str:
    """Return the PHC string of Argon2id in one lane: of 32 bytes, under a new salt of 16.

    Raises `RuntimeError` when there is no memory for it, as `digest` does.
    """
    return argon2id.str(password, passes, memory_kib * _KIB).decode()


def digest(text: bytes, salt: bytes, *, passes: int, memory_kib: int) -> bytes:
    """Return 32 bytes of raw Argon2id in one lane; raises `ValueError` for a salt that has not 16 bytes."""
    return argon2id.kdf(_DIGEST_BYTES, text, salt, passes, memory_kib * _KIB)


def matches(hash_: str, password: bytes) -> bool:
    """Whether a PHC string of at most `LONGEST_HASH` characters is the password's, by the parameters in it.

    Argon2id and Argon2i, of any number of lanes; what is malformed matches nothing, and costs nothing to judge.
    """
    try:
        return argon2id.verify(hash_.encode(), password)
    except InvalidkeyError:
        return False
