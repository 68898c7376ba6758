"""Hashes of other systems: which are accepted, and that the work does not reveal them."""

from collections.abc import Iterator

import bcrypt
import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from app.crypto.password_hashes import UnusableHashError, decoy, kind_of, matches, read_imported
from app.crypto.passwords import Argon2Parameters, Hasher, PasswordCheck
from tests.support.observe.hashing_work import counted_work

SMALL = Argon2Parameters(time_cost=1, memory_kib=64)
OURS = "$argon2id$v=19$m=64,t=1,p=1"
PASSWORD = "pässword of a while ago"
WRONG = PasswordCheck(matches=False, renewed_hash=None)


def by_bcrypt(password: str | bytes = PASSWORD, *, cost: int = 4, prefix: bytes = b"2b") -> str:
    given = password.encode() if isinstance(password, str) else password
    return bcrypt.hashpw(given, bcrypt.gensalt(cost)).decode().replace("$2b$", f"${prefix.decode()}$")


def by_argon2(
    password: str = PASSWORD,
    *,
    kind: Type = Type.ID,
    m: int = 128,
    t: int = 2,
    p: int = 1,
    salt: int = 16,
    digest: int = 24,
) -> str:
    made = PasswordHasher(memory_cost=m, time_cost=t, parallelism=p, salt_len=salt, hash_len=digest, type=kind)
    return made.hash(password)


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    hasher = Hasher(SMALL, threads=2)
    yield hasher
    hasher.close()


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
def test_every_bcrypt_prefix_becomes_2b(prefix: bytes) -> None:
    stored = read_imported(by_bcrypt(prefix=prefix))

    assert kind_of(stored) == "$2b$04"
    assert matches(stored, PASSWORD.encode())
    assert not matches(stored, b"another")


# From the test vectors of crypt_blowfish and of PHP's documentation.
@pytest.mark.parametrize(
    ("stored", "password"),
    [
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
        ("$2a$07$usesomesillystringfore2uDLvp1Ii2e./U9C8sBjqp8I90dH6hi", "rasmuslerdorf"),
    ],
)
def test_bcrypt_agrees_with_published_test_vectors(stored: str, password: str) -> None:
    assert matches(read_imported(stored), password.encode())


# From RFC 9106's reference implementation (the test of phc-winner-argon2).
def test_argon2_agrees_with_a_published_test_vector() -> None:
    stored = "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"

    assert matches(read_imported(stored), b"password")


@pytest.mark.parametrize("kind", [Type.ID, Type.I])
def test_an_argon2_hash_is_stored_unchanged(kind: Type) -> None:
    hash_ = by_argon2(kind=kind, p=2)

    assert read_imported(hash_) == hash_
    assert hash_.startswith(kind_of(hash_) or "nothing")
    assert matches(hash_, PASSWORD.encode())
    assert not matches(hash_, b"another")


ARGON2 = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNo"
BCRYPT = "$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$hash",
        "$6$rounds=5000$salt$hash",
        "{BCRYPT}" + BCRYPT,
        BCRYPT[:-1],
        BCRYPT + "a",
        BCRYPT + "\n",
        BCRYPT.replace("$2b$", "$2x$"),
        BCRYPT.replace("$12$", "$15$"),
        BCRYPT.replace("$12$", "$31$"),
        BCRYPT.replace("$12$", "$03$"),
        BCRYPT.replace("$12$", "$1$"),
        BCRYPT.replace(".E5Y", "AE5Y"),
        BCRYPT[:-1] + "X",
        ARGON2.replace("argon2id", "argon2d"),
        ARGON2.replace("v=19", "v=16"),
        ARGON2.replace("$v=19", ""),
        ARGON2.replace("m=65536", "m=4194304"),
        ARGON2.replace("m=65536", "m=262145"),
        ARGON2.replace("m=65536", "m=31"),
        ARGON2.replace("m=65536", "m=99999999999"),
        ARGON2.replace("m=65536", "m=\u0666\u0665"),
        ARGON2.replace("t=3", "t=17"),
        ARGON2.replace("t=3", "t=0"),
        ARGON2.replace("p=4", "p=17"),
        ARGON2.replace("p=4", "p=4,keyid=AA"),
        ARGON2.replace("dA$", "dB$"),
        ARGON2.rpartition("$")[0],
        ARGON2.rpartition("$")[0] + "$c29tZQ",
        ARGON2 + "A",
    ],
)
def test_an_invalid_or_too_costly_hash_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UnusableHashError) as caught:
        read_imported(text)

    assert not text or text not in str(caught.value)


def test_a_hash_that_is_too_long_to_be_verified_is_refused() -> None:
    with pytest.raises(UnusableHashError, match="an Argon2 hash of more than 127 characters"):
        read_imported(by_argon2(digest=64))


@pytest.mark.parametrize("kind", ["$2b$04", "$2b$05", "$argon2i$v=19$m=64,t=1,p=2", OURS])
def test_a_decoy_is_of_its_kind_and_matches_nothing(kind: str) -> None:
    made = decoy(kind)

    assert kind_of(made) == kind
    assert read_imported(made) == made
    assert not matches(made, b"")
    assert decoy(kind) == made


async def test_an_imported_password_matches_and_its_hash_is_renewed(hasher: Hasher) -> None:
    for imported in (by_bcrypt(), by_argon2(), by_argon2(kind=Type.I), by_argon2(p=2)):
        assert await hasher.verify_password(imported, "wrong") == WRONG

        check = await hasher.verify_password(imported, PASSWORD)

        assert check.matches
        assert check.renewed_hash is not None
        assert kind_of(check.renewed_hash) == OURS
        assert await hasher.verify_password(check.renewed_hash, PASSWORD) == PasswordCheck(
            matches=True, renewed_hash=None
        )


async def test_an_imported_hash_of_the_same_cost_is_not_renewed(hasher: Hasher) -> None:
    imported = by_argon2(m=64, t=1, salt=8)

    assert await hasher.verify_password(imported, PASSWORD) == PasswordCheck(matches=True, renewed_hash=None)


async def test_a_password_that_was_hashed_without_normalization_matches(hasher: Hasher) -> None:
    decomposed = "pa\u0308ssword"
    for imported in (by_bcrypt(decomposed), by_argon2(decomposed)):
        check = await hasher.verify_password(imported, decomposed)

        assert check.matches
        assert check.renewed_hash is not None
        assert (await hasher.verify_password(check.renewed_hash, "p\u00e4ssword")).matches


async def test_bcrypt_matches_only_passwords_of_at_most_72_bytes(hasher: Hasher) -> None:
    imported = by_bcrypt("ä" * 36)

    assert (await hasher.verify_password(imported, "ä" * 36)).matches
    for longer in ("ä" * 36 + "x", "ä" * 37, "ä" * 36 + "\0", "ä" * 512):
        with counted_work() as done:
            assert await hasher.verify_password(imported, longer) == WRONG
        assert sorted(done) == ["$2b$04", OURS]
    assert await hasher.verify_password(imported, "ä" * 35) == WRONG


@pytest.mark.parametrize("password", [PASSWORD, "wrong", "", "x" * 1024, "\ud800", "pa\u0308ssword"])
async def test_verification_costs_the_same_work_for_every_user_and_result(hasher: Hasher, password: str) -> None:
    imported = [by_bcrypt(), by_bcrypt(cost=5), by_argon2(), by_argon2(kind=Type.I)]
    ours = await hasher.hash_password(PASSWORD)
    kinds = {kind for hash_ in [*imported, ours] if (kind := kind_of(hash_))}
    found = []
    overlong = by_argon2(digest=64)  # earlier releases imported such hashes
    for stored in [None, "", "malformed", ours, ours[:-30], imported[0][:-1], overlong, *imported]:
        with counted_work() as done:
            await hasher.verify_password(stored, password, kinds=kinds)
        found.append(sorted(done))

    assert len(found[0]) == 5 if password != "pa\u0308ssword" else 9  # each imported kind for both Unicode forms
    assert all(done == found[0] for done in found)


async def test_without_imported_hashes_one_hash_is_computed(hasher: Hasher) -> None:
    ours = await hasher.hash_password(PASSWORD)
    for stored in (None, ours):
        for kinds in ((), {OURS}):
            with counted_work() as done:
                await hasher.verify_password(stored, PASSWORD, kinds=kinds)
            assert done == [OURS]
