import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type, hash_secret_raw
from nacl.pwhash import argon2id

from app.core.errors import Unavailable
from app.crypto import argon2
from app.crypto.passwords import Argon2Parameters, Hasher, PasswordCheck, normalize_password

SMALL = Argon2Parameters(time_cost=1, memory_kib=64)
WRONG = PasswordCheck(matches=False, renewed_hash=None)
RIGHT = PasswordCheck(matches=True, renewed_hash=None)


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    hasher = Hasher(SMALL, threads=2)
    yield hasher
    hasher.close()


class Gate:
    """Stands in for Argon2: every job waits until the gate opens."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun = threading.Semaphore(0)
        self.calls = 0

    def hash(self, _password: bytes, **_cost: int) -> str:
        self.calls += 1
        self.begun.release()
        assert self.opened.wait(10)
        return "hashed"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(argon2, "hash_", gate.hash)
    yield gate
    gate.opened.set()
    monkeypatch.undo()


async def began(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.begun.acquire, timeout=10)


async def test_a_password_matches_its_own_hash_only(hasher: Hasher) -> None:
    hash_ = await hasher.hash_password("correct horse")
    assert hash_.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await hasher.verify_password(hash_, "correct horse") == RIGHT
    assert await hasher.verify_password(hash_, "Correct horse") == WRONG
    assert await hasher.hash_password("correct horse") != hash_


@pytest.mark.parametrize("password", ["", "a\0b", "x" * 1023, "пароль 🔑", "\ud800"])
async def test_every_text_can_be_a_password(hasher: Hasher, password: str) -> None:
    hash_ = await hasher.hash_password(password)
    assert await hasher.verify_password(hash_, password) == RIGHT
    assert await hasher.verify_password(hash_, password + "!") == WRONG
    independent = PasswordHasher()
    assert independent.verify(hash_, password.encode(errors="surrogatepass"))


async def test_composed_and_decomposed_letters_are_the_same_password(hasher: Hasher) -> None:
    composed, decomposed = "\u00e9t\u00e9", "e\u0301te\u0301"
    assert normalize_password(decomposed) == composed
    assert await hasher.verify_password(await hasher.hash_password(decomposed), composed) == RIGHT
    assert await hasher.verify_password(await hasher.hash_password(composed), decomposed) == RIGHT


async def test_compatible_letters_stay_different_passwords(hasher: Hasher) -> None:
    assert await hasher.verify_password(await hasher.hash_password("\ufb01n"), "fin") == WRONG


@pytest.mark.parametrize("parameters", [Argon2Parameters(2, 64), Argon2Parameters(1, 128)])
async def test_a_hash_of_another_cost_is_renewed_once_it_matches(
    hasher: Hasher, parameters: Argon2Parameters
) -> None:
    before = Hasher(parameters, threads=1)
    hash_ = await before.hash_password("secret")
    before.close()
    assert await hasher.verify_password(hash_, "wrong") == WRONG
    check = await hasher.verify_password(hash_, "secret")
    assert check.matches
    assert check.renewed_hash is not None
    assert await hasher.verify_password(check.renewed_hash, "secret") == RIGHT


OVERLONG = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, hash_len=64).hash("secret")
MALFORMED = [
    None,
    "",
    "secret",
    "$argon2id$",
    "$argon2id$v=19$m=64,t=1,p=1$",
    "$2b$12$abc",
    "é",
    "\ud800",
    OVERLONG,
]


@pytest.mark.parametrize("hash_", MALFORMED)
async def test_without_a_valid_hash_a_decoy_of_the_same_cost_is_verified(
    hasher: Hasher, hash_: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = argon2id.verify

    def watched(stored: bytes, password: bytes) -> bool:
        verified.append(stored.decode())
        return verify(stored, password)

    monkeypatch.setattr(argon2id, "verify", watched)
    assert await hasher.verify_password(hash_, "secret") == WRONG
    good = await hasher.hash_password("secret")
    assert extract_parameters(verified[-1]) == extract_parameters(good)


async def test_a_hash_cut_short_never_matches(hasher: Hasher) -> None:
    hash_ = await hasher.hash_password("secret")
    for length in range(len(hash_)):
        assert await hasher.verify_password(hash_[:length], "secret") == WRONG


async def test_codes_are_digested_in_order_under_one_salt(hasher: Hasher) -> None:
    salt = b"0123456789abcdef"
    digests = await hasher.digest_codes(["a", "b", "a"], salt)
    assert digests == [hash_secret_raw(code, salt, 1, 64, 1, 32, Type.ID) for code in (b"a", b"b", b"a")]
    assert await hasher.digest_codes([], salt) == []


async def test_codes_are_digested_by_the_parameters_of_their_set(hasher: Hasher) -> None:
    salt = b"0123456789abcdef"
    parameters = Argon2Parameters.decode("m=128,t=2,p=1")
    assert await hasher.digest_codes(["a"], salt, parameters) == [
        hash_secret_raw(b"a", salt, 2, 128, 1, 32, Type.ID)
    ]


def test_the_default_parameters_are_owasps_and_can_be_decoded() -> None:
    assert Argon2Parameters().encode() == "m=19456,t=2,p=1"
    assert Argon2Parameters.decode("m=19456,t=2,p=1") == Argon2Parameters()
    assert Argon2Parameters.decode(Argon2Parameters(7, 8).encode()) == Argon2Parameters(7, 8)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m=1,t=2",
        "m=0,t=2,p=1",
        "t=2,m=1,p=1",
        "m=1,t=2,p=2",
        "m=1,t=2,p=11",
        "m=1,t=2,p=1\n",
        "m=\u0661,t=2,p=1",
    ],
)
def test_malformed_parameters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="look like"):
        Argon2Parameters.decode(text)


async def test_a_job_beyond_the_queue_limit_is_refused_and_no_other_is_lost(gate: Gate) -> None:
    hasher = Hasher(SMALL, threads=1, queue=3)
    jobs = [asyncio.create_task(hasher.hash_password("a")) for _ in range(3)]
    await began(gate)
    with pytest.raises(Unavailable):
        await hasher.hash_password("a")
    gate.opened.set()
    assert await asyncio.gather(*jobs) == ["hashed"] * 3
    assert await hasher.hash_password("a") == "hashed"
    hasher.close()


async def test_a_job_canceled_while_it_waits_leaves_the_queue(gate: Gate) -> None:
    hasher = Hasher(SMALL, threads=1, queue=2)
    running = asyncio.create_task(hasher.hash_password("a"))
    await began(gate)
    for _ in range(10):
        waiting = asyncio.create_task(hasher.hash_password("a"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    last = asyncio.create_task(hasher.hash_password("a"))
    gate.opened.set()
    assert (await running, await last) == ("hashed", "hashed")
    hasher.close()
    assert gate.calls == 2


async def test_a_job_canceled_while_it_runs_counts_until_it_ends(gate: Gate) -> None:
    hasher = Hasher(SMALL, threads=1, queue=1)
    running = asyncio.create_task(hasher.hash_password("a"))
    await began(gate)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(Unavailable):
        await hasher.hash_password("a")
    gate.opened.set()
    async with asyncio.timeout(10):
        while True:
            try:
                assert await hasher.hash_password("a") == "hashed"
                break
            except Unavailable:
                await asyncio.sleep(0.001)
    hasher.close()


async def test_a_failed_job_leaves_the_queue() -> None:
    hasher = Hasher(SMALL, threads=1, queue=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="16 bytes"):
            await hasher.digest_codes(["a"], b"short")
    assert len(await hasher.digest_codes(["a"], b"0123456789abcdef")) == 1
    hasher.close()


async def test_after_closing_every_job_is_refused() -> None:
    hasher = Hasher(SMALL, threads=1, queue=1)
    hasher.close()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await hasher.hash_password("a")


async def test_hashing_does_not_block_the_event_loop() -> None:
    hasher = Hasher(Argon2Parameters(time_cost=30), threads=1)
    hashing = asyncio.create_task(hasher.hash_password("secret"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        turns += 1
    await hashing
    hasher.close()
    assert turns > 10
