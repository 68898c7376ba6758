import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.second_factor.passcode import RecoveryCode, SixDigits, new_recovery_code, parse

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
CODE = RecoveryCode("0123456789abcd")

other_digits = st.characters(categories=["Nd"], min_codepoint=128)
recovery_codes = st.builds(RecoveryCode, st.text(CROCKFORD, min_size=14, max_size=14))


def test_six_digits_are_a_totp_passcode() -> None:
    assert parse("000152") == SixDigits("000152")


@pytest.mark.parametrize(
    "text", ["123 456", " 123456", "123456 ", "1 2 3 4 5 6", "123\u00a0456", "123\u202f456", "123\u2009456"]
)
def test_spaces_in_a_passcode_do_not_matter(text: str) -> None:
    assert parse(text) == SixDigits("123456")


@pytest.mark.parametrize("spaces", ["\u200b", "\u3000", "\u2028", "\r", "\x00", "\u2060"])
def test_other_invisible_characters_are_no_spaces(spaces: str) -> None:
    assert parse(f"123{spaces}456") is None
    assert parse(f"0123456{spaces}789abcd") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "12345",
        "123 45",
        "1234567",
        "123 4567",
        "123456\n",
        "123\t456",
        "123-456",
        "12345a",
        "+12345",
        "1e5000",
    ],
)
def test_text_similar_to_six_digits_is_refused(text: str) -> None:
    assert parse(text) is None


@given(st.lists(st.one_of(other_digits, st.sampled_from("0123456789")), min_size=6, max_size=6))
def test_digits_of_other_scripts_are_refused(characters: list[str]) -> None:
    text = "".join(characters)
    assert parse(text) == (SixDigits(text) if text.isascii() else None)


@pytest.mark.parametrize("text", ["１２３４５６", "١٢٣٤٥٦", "12345६", "²²²²²²"])  # noqa: RUF001 -- intended
def test_full_width_and_arabic_digits_are_refused(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "0123456-789abcd",
        "0123456789abcd",
        "0123456-789ABCD",
        "  0123456 - 789abcd ",
        "01 23 45 67 89 ab cd",
        "oi23456-789abcd",
        "OL23456-789ABCD",
        "oI23456 789aBcD",
    ],
)
def test_a_recovery_code_is_parsed_in_every_spelling(text: str) -> None:
    assert parse(text) == CODE


@pytest.mark.parametrize(
    "text",
    [
        "0123456--789abcd",
        "012345-6789abcd",
        "-0123456789abcd",
        "0123456789abcd-",
        "0123456-789abc",
        "0123456-789abcde",
        "0123456-789abcu",
        "0123456-789abcU",
        "0123456_789abcd",
        "0123456\u2013789abcd",
        "0123456\u2011789abcd",
        "0123456-789abcd\n",
        "0123456\t789abcd",
        "0123456\u3000789abcd",
        "0123456-789abc\u212a",  # the kelvin sign is k in lower case
        "0123456-789abc\u0131",
        "0123456-789abc\uff44",
        "0123456-789abcé",
        "0123456-789abc\0",
        "0123456-789abc\ud800",
    ],
)
def test_text_similar_to_a_recovery_code_is_refused(text: str) -> None:
    assert parse(text) is None


@given(recovery_codes, st.data())
def test_a_recovery_code_round_trips(code: RecoveryCode, data: st.DataObject) -> None:
    shown = code.shown
    assert re.fullmatch(f"[{CROCKFORD}]{{7}}-[{CROCKFORD}]{{7}}", shown)
    spaced = "".join(
        data.draw(st.sampled_from(["", " "])) + data.draw(st.sampled_from([character, character.upper()]))
        for character in shown
    )
    assert parse(shown) == parse(code.characters) == parse(spaced) == code


@given(st.text(max_size=80))
def test_accepted_text_is_canonical_and_round_trips(text: str) -> None:
    check_canonical(text)


@given(st.from_regex(r"[\w -]{0,5}[0-9A-Za-z]{6,7}[- ]?[\w]{6,7}[ ]?", fullmatch=True))
def test_accepted_text_similar_to_a_code_is_canonical_too(text: str) -> None:
    check_canonical(text)


def check_canonical(text: str) -> None:
    read = parse(text)
    if isinstance(read, SixDigits):
        assert read.digits == text
        assert re.fullmatch("[0-9]{6}", text)
    elif read is not None:
        assert re.fullmatch(f"[{CROCKFORD}]{{14}}", read.characters)
        assert text.isascii()
        assert parse(read.shown) == parse(read.characters) == read


def test_long_input_is_refused_before_it_is_read() -> None:
    assert parse(CODE.characters + " " * 50) == CODE
    assert parse(CODE.characters + " " * 51) is None
    assert parse("1" * 1_000_000) is None


def test_new_recovery_codes_are_canonical_and_use_the_whole_alphabet() -> None:
    codes = {new_recovery_code() for _ in range(500)}
    assert len(codes) == 500
    assert all(parse(code.shown) == code for code in codes)
    for position in range(14):
        assert {code.characters[position] for code in codes} == set(CROCKFORD)


def test_the_repr_contains_no_code() -> None:
    assert "000152" not in repr(SixDigits("000152"))
    assert CODE.characters not in repr(CODE)


def test_the_kelvin_sign_is_k_in_lower_case() -> None:
    assert unicodedata.name("\u212a") == "KELVIN SIGN"
    assert "\u212a".lower() == "k"
