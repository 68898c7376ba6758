"""Counts the password hashes that are computed, by kind, instead of timing them."""

from collections.abc import Iterator
from contextlib import contextmanager

import bcrypt
import pytest
from nacl.pwhash import argon2id

from app.crypto.password_hashes import kind_of


@contextmanager
def counted_work() -> Iterator[list[str]]:
    """Yield a list that collects the kind of every hash computed to verify or store a password."""
    done: list[str] = []
    verify, hash_, checkpw = argon2id.verify, argon2id.str, bcrypt.checkpw

    def note(stored: bytes) -> None:
        kind = kind_of(stored.decode())
        assert kind is not None, "a malformed hash costs nothing to judge"
        done.append(kind)

    def verifying(stored: bytes, password: bytes) -> bool:
        note(stored)
        return verify(stored, password)

    def hashing(password: bytes, passes: int, memory: int) -> bytes:
        made = hash_(password, passes, memory)
        note(made)
        return made

    def checking(password: bytes, stored: bytes) -> bool:
        note(stored)
        return checkpw(password, stored)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2id, "verify", verifying)
        patch.setattr(argon2id, "str", hashing)
        patch.setattr(bcrypt, "checkpw", checking)
        yield done
