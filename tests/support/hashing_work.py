"""What the hashing of passwords does, counted instead of timed: which kinds of hashes were worked out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bcrypt
import pytest
from argon2 import PasswordHasher

from app.crypto.password_hashes import kind_of


@contextmanager
def counted_work() -> Iterator[list[str]]:
    """Yield a list that gets the kind of every hash that is worked out, to judge a password or to store it."""
    done: list[str] = []
    verify, hash_, checkpw = PasswordHasher.verify, PasswordHasher.hash, bcrypt.checkpw

    def note(stored: Any) -> None:
        kind = kind_of(stored.decode() if isinstance(stored, bytes) else stored)
        assert kind is not None, "a malformed hash costs nothing to judge"
        done.append(kind)

    def verifying(self: PasswordHasher, stored: Any, password: Any) -> Any:
        note(stored)
        return verify(self, stored, password)

    def hashing(self: PasswordHasher, password: Any, *, salt: bytes | None = None) -> str:
        made = hash_(self, password, salt=salt)
        note(made)
        return made

    def checking(password: bytes, stored: bytes) -> bool:
        note(stored)
        return checkpw(password, stored)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", verifying)
        patch.setattr(PasswordHasher, "hash", hashing)
        patch.setattr(bcrypt, "checkpw", checking)
        yield done
