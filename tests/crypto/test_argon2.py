"""libsodium's Argon2 compared with argon2-cffi, which uses the reference implementation."""

import itertools

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.low_level import hash_secret, hash_secret_raw

from app.crypto import argon2
from app.crypto.password_hashes import kind_of

PASSWORDS = [b"", b"a\0b", b"a", "пароль 🔑".encode(), "\ud800".encode(errors="surrogatepass"), b"x" * 5000]
SALT = b"0123456789abcdef"


def by_argon2_cffi(
    type_: Type, *, salt: int = 16, digest: int = 32, passes: int = 1, memory: int = 64, lanes: int = 1
) -> str:
    return hash_secret(b"a\0b", b"s" * salt, passes, memory, lanes, digest, type_).decode()


@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("type_", [Type.ID, Type.I])
def test_every_hash_made_by_argon2_cffi_is_verified(type_: Type, lanes: int) -> None:
    least = 8 * lanes
    for salt, digest, passes, memory in itertools.product(
        (8, 11, 16, 32), (16, 24, 32), (1, 2, 3), (least, least + 1, 2 * least + 13)
    ):
        made = by_argon2_cffi(type_, salt=salt, digest=digest, passes=passes, memory=memory, lanes=lanes)

        assert kind_of(made) is not None
        assert argon2.matches(made, b"a\0b"), made
        for wrong in (b"", b"a", b"a\0c"):
            assert not argon2.matches(made, wrong), made


def test_the_longest_hash_is_verified_and_a_longer_one_has_no_kind() -> None:
    longest = by_argon2_cffi(Type.ID, salt=8, digest=64, memory=128, lanes=2)
    longer = by_argon2_cffi(Type.ID, salt=8, digest=64, memory=1024, lanes=2)

    assert (len(longest), len(longer)) == (argon2.LONGEST_HASH, argon2.LONGEST_HASH + 1)
    assert argon2.matches(longest, b"a\0b")
    assert not argon2.matches(longest, b"a")
    assert kind_of(longest) == "$argon2id$v=19$m=128,t=1,p=2"
    assert kind_of(longer) is None


@pytest.mark.parametrize("password", PASSWORDS)
def test_argon2_cffi_verifies_a_hash_made_here(password: bytes) -> None:
    made = argon2.hash_(password, passes=2, memory_kib=64)
    other = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1, salt_len=16, hash_len=32)

    assert made.startswith("$argon2id$v=19$m=64,t=2,p=1$")
    assert extract_parameters(made) == extract_parameters(other.hash(password))
    assert other.verify(made, password)
    assert argon2.matches(made, password)
    assert not argon2.matches(made, password + b"!")
    assert argon2.hash_(password, passes=2, memory_kib=64) != made


@pytest.mark.parametrize("password", PASSWORDS)
def test_digests_equal_those_of_argon2_cffi(password: bytes) -> None:
    for passes, memory in itertools.product((1, 2, 3), (8, 13, 64)):
        expected = hash_secret_raw(password, SALT, passes, memory, 1, 32, Type.ID)
        assert argon2.digest(password, SALT, passes=passes, memory_kib=memory) == expected


@pytest.mark.parametrize("length", [0, 8, 15, 17])
def test_a_salt_has_16_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        argon2.digest(b"a", b"s" * length, passes=1, memory_kib=64)


GOOD = by_argon2_cffi(Type.ID)


@pytest.mark.parametrize(
    "hash_",
    [
        *(
            "",
            "secret",
            "é",
            "$argon2id$",
            "$2b$04$abc",
            GOOD[:-1],
            GOOD + "A",
            GOOD + "=",
            GOOD.rpartition("$")[0],
        ),
        *(GOOD.replace("p=1", "p=9"), GOOD.replace("p=1", "p=0"), GOOD.replace("t=1", "t=0")),
        *(GOOD.replace("m=64", "m=7"), GOOD.replace("m=64", "m=99999999999"), GOOD.replace("v=19", "v=16")),
        *(GOOD.replace("argon2id", "argon2i"), GOOD.replace("argon2id", "argon2d")),
    ],
)
def test_a_malformed_hash_matches_nothing(hash_: str) -> None:
    assert not argon2.matches(hash_, b"a\0b")
