import base64
import hashlib
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.secret_keys import new_key_setting, parse_keys
from app.crypto.sealing import AssociatedData, SealBroken, Sealer

KEY = bytes(range(32))
OTHER_KEY = bytes(range(32, 64))
SEALER = Sealer({"k1": KEY})
ASSOCIATED = AssociatedData("authenticators", "sealed_secret", UUID(int=1), UUID(int=2), UUID(int=3))
WITHOUT_USER = replace(ASSOCIATED, user_id=None)
OLD_FORMAT = bytes.fromhex(  # b"secret" with ASSOCIATED, sealed by KEY in the release before the user id was bound
    "01026b31000102030405060708090a0b3467b569a0916bdd146953e6e5d08b03cac5385f8090"
)

names = st.text(max_size=8)
associated_data = st.builds(
    AssociatedData,
    table=names,
    column=names,
    account_id=st.uuids(),
    row_id=st.uuids(),
    user_id=st.none() | st.uuids(),
)


@given(plain=st.binary(max_size=200), associated=associated_data)
def test_a_sealed_value_opens_with_its_associated_data(plain: bytes, associated: AssociatedData) -> None:
    assert SEALER.open(SEALER.seal(plain, associated), associated) == plain


@given(associated=associated_data, other=associated_data)
def test_a_sealed_value_does_not_open_with_other_associated_data(
    associated: AssociatedData, other: AssociatedData
) -> None:
    if associated == other:
        return
    with pytest.raises(SealBroken):
        SEALER.open(SEALER.seal(b"secret", associated), other)


@pytest.mark.parametrize(
    "other",
    [
        replace(ASSOCIATED, table="users"),
        replace(ASSOCIATED, column="other"),
        replace(ASSOCIATED, table="authenticatorss", column="ealed_secret"),
        replace(ASSOCIATED, account_id=UUID(int=2)),
        replace(ASSOCIATED, row_id=UUID(int=1)),
        replace(ASSOCIATED, user_id=UUID(int=4)),
        replace(ASSOCIATED, account_id=ASSOCIATED.row_id, row_id=ASSOCIATED.account_id),
        replace(ASSOCIATED, row_id=ASSOCIATED.user_id or ASSOCIATED.row_id, user_id=ASSOCIATED.row_id),
        WITHOUT_USER,
    ],
)
def test_each_part_of_the_associated_data_is_bound(other: AssociatedData) -> None:
    with pytest.raises(SealBroken):
        SEALER.open(SEALER.seal(b"secret", ASSOCIATED), other)


def test_a_value_sealed_without_a_user_is_not_current_for_a_user() -> None:
    sealed = SEALER.seal(b"secret", WITHOUT_USER)
    assert SEALER.open(sealed, WITHOUT_USER) == b"secret"
    assert SEALER.is_current(sealed, WITHOUT_USER)
    assert not SEALER.is_current(sealed, ASSOCIATED)


def test_the_old_format_opens_only_in_its_row_and_is_not_current() -> None:
    assert SEALER.open(OLD_FORMAT, ASSOCIATED) == b"secret"
    assert not SEALER.is_current(OLD_FORMAT, ASSOCIATED)
    with pytest.raises(SealBroken):
        SEALER.open(OLD_FORMAT, replace(ASSOCIATED, row_id=UUID(int=1)))
    new = SEALER.seal(SEALER.open(OLD_FORMAT, ASSOCIATED), ASSOCIATED)
    assert SEALER.is_current(new, ASSOCIATED)
    for version in (b"\x01", b"\x02"):  # a changed version byte does not convert one format to the other
        with pytest.raises(SealBroken):
            SEALER.open(version + (new if version == b"\x01" else OLD_FORMAT)[1:], ASSOCIATED)


def test_every_flipped_bit_breaks_the_seal() -> None:
    # Ids that differ from k1 in one bit, with the same key.
    sealer = Sealer({"k1": KEY, "k0": KEY, "k3": KEY, "k5": KEY, "j1": KEY})
    sealed = sealer.seal(b"secret", ASSOCIATED)
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            sealer.open(bytes(flipped), ASSOCIATED)


def test_every_truncation_and_any_addition_breaks_the_seal() -> None:
    sealed = SEALER.seal(b"secret", ASSOCIATED)
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            SEALER.open(sealed[:length], ASSOCIATED)
    with pytest.raises(SealBroken):
        SEALER.open(sealed + b"\0", ASSOCIATED)


@given(st.binary(max_size=100))
def test_no_input_raises_anything_but_seal_broken(noise: bytes) -> None:
    for sealed in (noise, b"\x01" + noise, b"\x01\x02k1" + noise, b"\x02\x02k1" + noise):
        with pytest.raises(SealBroken):
            SEALER.open(sealed, ASSOCIATED)


def test_an_unknown_key_fails_and_the_message_does_not_carry_the_data() -> None:
    sealed = Sealer({"k9": OTHER_KEY}).seal(b"the secret", ASSOCIATED)
    with pytest.raises(SealBroken) as broken:
        SEALER.open(sealed, ASSOCIATED)
    assert "secret" not in str(broken.value)
    assert sealed.hex() not in str(broken.value)


def test_the_wrong_key_under_the_right_id_fails() -> None:
    with pytest.raises(SealBroken):
        Sealer({"k1": OTHER_KEY}).open(SEALER.seal(b"secret", ASSOCIATED), ASSOCIATED)


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens() -> None:
    rotated = Sealer({"k2": OTHER_KEY, "k1": KEY})
    old, new = SEALER.seal(b"secret", ASSOCIATED), rotated.seal(b"secret", ASSOCIATED)
    assert rotated.open(old, ASSOCIATED) == rotated.open(new, ASSOCIATED) == b"secret"
    assert (rotated.key_id_of(old), rotated.key_id_of(new)) == ("k1", "k2")
    assert rotated.current_key_id == "k2"


def test_the_format_is_the_documented_one() -> None:
    sealed = SEALER.seal(b"secret", ASSOCIATED)
    assert sealed[:4] == b"\x02\x02k1"
    assert SEALER.seal(b"secret", WITHOUT_USER)[:4] == b"\x01\x02k1"
    assert len(sealed) == 4 + 12 + len(b"secret") + 16


def test_sealing_twice_gives_different_results() -> None:
    assert SEALER.seal(b"secret", ASSOCIATED) != SEALER.seal(b"secret", ASSOCIATED)


@pytest.mark.parametrize("keys", [{}, {"k1": b"short"}, {"": KEY}, {"k" * 33: KEY}, {"k 1": KEY}, {"é": KEY}])
def test_a_sealer_refuses_bad_keys(keys: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="key"):
        Sealer(keys)


def test_a_key_setting_is_read_in_its_order() -> None:
    text = f"new-2:{base64.b64encode(OTHER_KEY).decode()}, old_1:{base64.b64encode(KEY).decode()}"
    assert list(parse_keys(text).items()) == [("new-2", OTHER_KEY), ("old_1", KEY)]


def test_a_new_key_setting_is_read_back_and_never_the_same() -> None:
    keys = parse_keys(new_key_setting())
    assert list(keys) == ["k1"]
    assert len(keys["k1"]) == 32
    assert new_key_setting() != new_key_setting()


BASE64 = base64.b64encode(hashlib.sha256(b"some key").digest()).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (" ", "empty"),
        (BASE64, "no colon"),
        (f"k1:{BASE64},", "Key 2 .* no colon"),
        (f":{BASE64}", "an id"),
        (f"k.1:{BASE64}", "an id"),
        (f"{'k' * 33}:{BASE64}", "an id"),
        (f"{BASE64}:k1", "an id"),
        (f"k1:{BASE64},k1:{BASE64}", "Key 2 .* earlier"),
        (f"k1:{BASE64[:-1]}", "not base64"),
        (f"k1:{BASE64[:10]} {BASE64[10:]}", "not base64"),
        (f"k1:{BASE64[:-2]}é=", "not base64"),
        (f"k1:-_{BASE64[2:]}", "not base64"),
        (f"k1:{BASE64[:40]}", "30 bytes long instead of 32"),
        ("k1:", "0 bytes long"),
        (f"k1:{BASE64[:43]}A{BASE64}", "base64|bytes long"),
    ],
)
def test_a_bad_key_setting_is_explained_without_the_key(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        parse_keys(text)
    message = str(refused.value)
    assert message.count(".") == 1
    assert message.endswith(".")
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    for start in range(len(BASE64) - 8):
        assert BASE64[start : start + 8] not in message
