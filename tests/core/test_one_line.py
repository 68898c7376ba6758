"""Names as people write them are kept; what could change the text around them is refused."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.one_line import BadTextError, is_one_line, line_or_none, one_line

REAL_NAMES = [
    "علی\u200cرضا",  # noqa: RUF001 -- Persian, with a zero-width non-joiner
    "ශ්\u200dරී",  # Sinhala, with a zero-width joiner
    "👩\u200d💻 Ada",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
    "O'Brien-Søren, 3rd (Ltd.)",
    "Nguyễn Thị Ánh",
    "ნინო",
    "𠮷野家",
    "\U000323b0",  # a Han character that was added in Unicode 17
    "\ue000",  # private use
    "محمد\u200f (Cairo)",
    "X",
]
CONTROLS = ["\x00", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]
DIRECTIONS = ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"]
NO_CHARACTERS = ["\ud800", "\udfff", "\ufdd0", "\uffff", "\ufffe", "\U0001fffe", "\U0010ffff"]
INVISIBLE = ["", " ", "\u3000", "\u200d", "\u200c", "\u00ad", "\ufeff", "\u0301", "\u3164", "\u2800 \u115f"]


@pytest.mark.parametrize("name", REAL_NAMES, ids=ascii)
def test_a_real_name_is_kept(name: str) -> None:
    assert one_line(name, 200) == name
    assert line_or_none(name, 200) == name
    assert is_one_line(name)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Anna ", "Anna"),
        ("山田\u3000太郎", "山田 太郎"),
        ("\u00a0Anna\u2003Berg\u202f", "Anna Berg"),
        ("Rene\u0301e", "Ren\u00e9e"),
        ("\u212bsa", "\u00c5sa"),
        ("A  B", "A  B"),
    ],
    ids=ascii,
)
def test_a_name_is_trimmed_and_gets_plain_spaces_and_nfc(written: str, kept: str) -> None:
    assert one_line(written, 200) == kept


@pytest.mark.parametrize("character", CONTROLS + DIRECTIONS + NO_CHARACTERS, ids=ascii)
def test_a_character_that_changes_the_text_around_it_is_refused(character: str) -> None:
    for text in (f"a{character}b", f"a{character}", f"{character}a"):
        with pytest.raises(BadTextError) as caught:
            one_line(text, 200)
        assert caught.value.code == "malformed"
        assert line_or_none(text, 200) is None
        assert not is_one_line(text)


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_a_name_without_a_visible_character_is_refused(text: str) -> None:
    with pytest.raises(BadTextError) as caught:
        one_line(text, 200)
    assert caught.value.code == "too_short"
    assert line_or_none(text, 200) is None


def test_the_length_is_counted_after_nfc() -> None:
    assert one_line("e\u0301" * 200, 200) == "é" * 200
    for text in ("é" * 201, "e\u0301" * 201, "\ufb2c" * 100, " " * 801):
        with pytest.raises(BadTextError) as caught:
            one_line(text, 200)
        assert caught.value.code == "too_long"


@pytest.mark.parametrize("value", [None, 7, True, [], {}, b"Anna", ["Anna"]])
def test_a_value_that_is_no_text_is_left_out(value: object) -> None:
    assert line_or_none(value, 200) is None


@given(st.text(max_size=60))
def test_a_kept_name_is_kept_again_unchanged(text: str) -> None:
    kept = line_or_none(text, 20)
    if kept is not None:
        assert one_line(kept, 20) == kept
        assert unicodedata.is_normalized("NFC", kept)
        assert kept == kept.strip()
