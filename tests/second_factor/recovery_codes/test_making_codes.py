"""Making a set of recovery codes: what is shown, and what is stored."""

from datetime import UTC, datetime

from app.crypto.passwords import Argon2Parameters, Hasher
from app.second_factor.recovery_codes.use_cases import make_codes

NOW = datetime(2026, 8, 22, tzinfo=UTC)


async def test_two_sets_share_neither_codes_nor_salt() -> None:
    hasher = Hasher(Argon2Parameters(time_cost=1, memory_kib=64), threads=1)

    one, other = await make_codes(hasher, NOW), await make_codes(hasher, NOW)

    hasher.close()
    assert not set(one.shown) & set(other.shown)
    assert one.code_set.salt != other.code_set.salt
    assert not set(one.digests) & set(other.digests)


async def test_a_set_stores_its_hash_parameters_so_that_it_can_be_checked_after_a_change() -> None:
    parameters = Argon2Parameters(time_cost=1, memory_kib=128)
    hasher = Hasher(parameters, threads=1)

    made = await make_codes(hasher, NOW)
    later = Hasher(Argon2Parameters(time_cost=1, memory_kib=64), threads=1)
    bare = [code.replace("-", "") for code in made.shown]
    digests = await later.digest_codes(bare, made.code_set.salt, Argon2Parameters.decode(made.code_set.parameters))

    hasher.close()
    later.close()
    assert digests == made.digests
