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
PLACE = AssociatedData("authenticators", "sealed_secret", UUID(int=1), UUID(int=2), UUID(int=3))
NOBODYS = replace(PLACE, user_id=None)
OLD_FORM = bytes.fromhex(  # "secret" at PLACE, as the release before users were bound sealed it by KEY
    "01026b31000102030405060708090a0b3467b569a0916bdd146953e6e5d08b03cac5385f8090"
)

names = st.text(max_size=8)
places = st.builds(
    AssociatedData,
    table=names,
    column=names,
    account_id=st.uuids(),
    row_id=st.uuids(),
    user_id=st.none() | st.uuids(),
)


@given(plain=st.binary(max_size=200), place=places)
def test_what_was_sealed_opens_at_its_place(plain: bytes, place: AssociatedData) -> None:
    assert SEALER.open(SEALER.seal(plain, place), place) == plain


@given(place=places, other=places)
def test_what_was_moved_does_not_open(place: AssociatedData, other: AssociatedData) -> None:
    if place == other:
        return
    with pytest.raises(SealBroken):
        SEALER.open(SEALER.seal(b"secret", place), other)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLACE, table="users"),
        replace(PLACE, column="other"),
        replace(PLACE, table="authenticatorss", column="ealed_secret"),
        replace(PLACE, account_id=UUID(int=2)),
        replace(PLACE, row_id=UUID(int=1)),
        replace(PLACE, user_id=UUID(int=4)),
        replace(PLACE, account_id=PLACE.row_id, row_id=PLACE.account_id),
        replace(PLACE, row_id=PLACE.user_id or PLACE.row_id, user_id=PLACE.row_id),
        NOBODYS,
    ],
)
def test_each_part_of_the_place_binds(other: AssociatedData) -> None:
    with pytest.raises(SealBroken):
        SEALER.open(SEALER.seal(b"secret", PLACE), other)


def test_what_is_nobodys_opens_for_no_user() -> None:
    sealed = SEALER.seal(b"secret", NOBODYS)
    assert SEALER.open(sealed, NOBODYS) == b"secret"
    assert SEALER.is_current(sealed, NOBODYS)
    assert not SEALER.is_current(sealed, PLACE)


def test_the_old_form_opens_in_its_row_until_it_is_sealed_again() -> None:
    assert SEALER.open(OLD_FORM, PLACE) == b"secret"
    assert not SEALER.is_current(OLD_FORM, PLACE)
    with pytest.raises(SealBroken):
        SEALER.open(OLD_FORM, replace(PLACE, row_id=UUID(int=1)))
    new = SEALER.seal(SEALER.open(OLD_FORM, PLACE), PLACE)
    assert SEALER.is_current(new, PLACE)
    for version in (b"\x01", b"\x02"):  # nor does the version alone make one form of the other
        with pytest.raises(SealBroken):
            SEALER.open(version + (new if version == b"\x01" else OLD_FORM)[1:], PLACE)


def test_every_flipped_bit_breaks_the_seal() -> None:
    sealer = Sealer({"k1": KEY, "k0": KEY, "k3": KEY, "k5": KEY, "j1": KEY})  # ids one bit apart, and one key
    sealed = sealer.seal(b"secret", PLACE)
    for bit in range(len(sealed) * 8):
        bent = bytearray(sealed)
        bent[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            sealer.open(bytes(bent), PLACE)


def test_every_truncation_and_any_addition_breaks_the_seal() -> None:
    sealed = SEALER.seal(b"secret", PLACE)
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            SEALER.open(sealed[:length], PLACE)
    with pytest.raises(SealBroken):
        SEALER.open(sealed + b"\0", PLACE)


@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_else(noise: bytes) -> None:
    for sealed in (noise, b"\x01" + noise, b"\x01\x02k1" + noise, b"\x02\x02k1" + noise):
        with pytest.raises(SealBroken):
            SEALER.open(sealed, PLACE)


def test_an_unknown_key_fails_and_the_message_does_not_carry_the_data() -> None:
    sealed = Sealer({"k9": OTHER_KEY}).seal(b"the secret", PLACE)
    with pytest.raises(SealBroken) as broken:
        SEALER.open(sealed, PLACE)
    assert "secret" not in str(broken.value)
    assert sealed.hex() not in str(broken.value)


def test_the_wrong_key_under_the_right_id_fails() -> None:
    with pytest.raises(SealBroken):
        Sealer({"k1": OTHER_KEY}).open(SEALER.seal(b"secret", PLACE), PLACE)


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens() -> None:
    rotated = Sealer({"k2": OTHER_KEY, "k1": KEY})
    old, new = SEALER.seal(b"secret", PLACE), rotated.seal(b"secret", PLACE)
    assert rotated.open(old, PLACE) == rotated.open(new, PLACE) == b"secret"
    assert (rotated.key_id_of(old), rotated.key_id_of(new)) == ("k1", "k2")
    assert rotated.current_key_id == "k2"


def test_the_format_is_the_one_that_is_documented() -> None:
    sealed = SEALER.seal(b"secret", PLACE)
    assert sealed[:4] == b"\x02\x02k1"
    assert SEALER.seal(b"secret", NOBODYS)[:4] == b"\x01\x02k1"
    assert len(sealed) == 4 + 12 + len(b"secret") + 16


def test_sealing_twice_gives_two_results() -> None:
    assert SEALER.seal(b"secret", PLACE) != SEALER.seal(b"secret", PLACE)


@pytest.mark.parametrize("keys", [{}, {"k1": b"short"}, {"": KEY}, {"k" * 33: KEY}, {"k 1": KEY}, {"é": KEY}])
def test_a_sealer_takes_no_bad_keys(keys: dict[str, bytes]) -> None:
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
