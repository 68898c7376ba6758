"""Read and verify password hashes: our own, and imported ones (bcrypt, other Argon2)."""

import base64
import functools
import re
import secrets
import string

import bcrypt

from app.crypto import argon2

# bcrypt's base64 has 22 characters of salt and 31 of hash. The unused bits of the last character of each must be
# zero: no implementation writes anything else, and no password would match such a hash.
_BCRYPT = re.compile(r"(\$2)[aby](\$([0-9]{2}))(\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26])")
_ARGON2 = re.compile(
    r"(\$argon2id?\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,9}))"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})"
)
_KIND_OF_BCRYPT = re.compile(r"\$2b\$[0-9]{2}")

# Upper limits for the cost of an imported hash, because each wrong password costs one verification.
_BCRYPT_COSTS = range(4, 15)  # bcrypt has none below 4; 14 takes about a second
_MOST_MEMORY_KIB = 256 * 1024
_MOST_WORK_KIB = 1024 * 1024  # memory times passes; about a second
_MOST_LANES = 16
_LEAST_KIB_A_LANE = 8  # Argon2's own limit (RFC 9106 3.1)

_BCRYPT_BYTES = 72  # bcrypt ignores all bytes after these


class UnusableHashError(ValueError):
    """The password hash cannot be imported; the message says why, and never quotes the hash."""


def kind_of(hash_: str) -> str | None:
    """Return the algorithm and cost of a hash, or None.

    Examples: `$2b$12`, `$argon2id$v=19$m=19456,t=2,p=1`. This is a prefix of the hash;
    `app.database.tables.users.password_kind` cuts it off in the same way. None: the hash is malformed, or an
    Argon2 hash that is too long to be verified.
    """
    if len(hash_) <= argon2.LONGEST_HASH and (found := _ARGON2.fullmatch(hash_)) is not None:
        return found[1]
    if _BCRYPT.fullmatch(hash_) and (start := _KIND_OF_BCRYPT.match(hash_)) is not None:
        return start[0]
    return None


def read_imported(hash_: str) -> str:
    """Return another system's hash in the form that is stored; raises `UnusableHashError`.

    `$2a$`, `$2y$` and `$2b$` are the same algorithm for passwords of at most 72 bytes, so all become `$2b$`.
    """
    if (found := _BCRYPT.fullmatch(hash_)) is not None:
        if int(found[3]) not in _BCRYPT_COSTS:
            raise UnusableHashError(
                f"a bcrypt hash of a cost other than {_BCRYPT_COSTS[0]} to {_BCRYPT_COSTS[-1]}"
            )
        return f"{found[1]}b{found[2]}{found[4]}"
    if (found := _ARGON2.fullmatch(hash_)) is not None:
        if len(hash_) > argon2.LONGEST_HASH:
            raise UnusableHashError(f"an Argon2 hash of more than {argon2.LONGEST_HASH} characters")
        memory, passes, lanes = int(found[2]), int(found[3]), int(found[4])
        if (
            memory > _MOST_MEMORY_KIB
            or memory * passes > _MOST_WORK_KIB
            or lanes > _MOST_LANES
            or memory < _LEAST_KIB_A_LANE * lanes
        ):
            raise UnusableHashError(
                f"an Argon2 hash beyond m={_MOST_MEMORY_KIB}, p={_MOST_LANES} or m times t={_MOST_WORK_KIB}"
            )
        for part in (found[5], found[6]):
            if not _is_canonical_base64(part):
                raise UnusableHashError("an Argon2 hash whose base64 is broken")
        return hash_
    raise UnusableHashError("neither an Argon2 hash ($argon2id$ or $argon2i$, v=19) nor a bcrypt hash ($2b$)")


def matches(hash_: str, password: bytes) -> bool:
    """Whether the password matches the hash; the time depends only on the hash's kind.

    `hash_` must have a kind (`kind_of`). bcrypt uses only the first 72 bytes of a password. A longer password is
    hashed, but never matches: its other bytes are unverified, and renewing the hash would make them part of the
    password. Its user has to reset the password by e-mail.
    """
    if hash_.startswith("$2b$"):
        same = bcrypt.checkpw(password[:_BCRYPT_BYTES], hash_.encode())
        return same and len(password) <= _BCRYPT_BYTES
    return argon2.matches(hash_, password)


@functools.lru_cache(maxsize=64)
def decoy(kind: str) -> str:
    """Return a random hash of this kind, which takes as long to verify as a real one."""
    if _KIND_OF_BCRYPT.fullmatch(kind):
        alphabet = "./" + string.ascii_letters + string.digits
        drawn = "".join(secrets.choice(alphabet) for _ in range(51))
        return f"{kind}${drawn[:21]}.{drawn[21:]}."
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"{kind}${salt}${digest}"


def _is_canonical_base64(text: str) -> bool:
    padded = text + "=" * (-len(text) % 4)
    try:
        return base64.b64encode(base64.b64decode(padded, validate=True)).decode() == padded
    except ValueError:
        return False
