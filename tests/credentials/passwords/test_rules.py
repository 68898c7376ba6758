"""Which passwords may be chosen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app.credentials.passwords.rules import reason_to_refuse

ABOUT = ("Jörg.Müller@example.com", "Jörg Müller-Lüdenscheidt", "Example & Söhne", "example-soehne")


def code_of(password: str) -> str | None:
    found = reason_to_refuse(password, about_user=ABOUT)
    return found[0] if found else None


@pytest.mark.parametrize(
    "password",
    [
        "kzhw7pqm",
        "k" * 7 + "z",
        "        x",
        "correct horse battery staple",
        "密碼密碼密碼密碼",
        "🦊🐻🐼🐨🐯🦁🐮🐷",
        "x\ty\nz \u200bq",
        "'; DROP TABLE users; --",
        "qz" * 128,
    ],
)
def test_8_to_256_code_points_of_any_kind_are_accepted(password: str) -> None:
    assert code_of(password) is None


@pytest.mark.parametrize("password", ["", "kzhw7pq", "🦊🐻🐼🐨🐯🦁🐮", "密碼密碼密碼密"])
def test_fewer_than_8_code_points_are_too_short(password: str) -> None:
    assert code_of(password) == "too_short"


def test_more_than_256_code_points_are_too_long() -> None:
    assert code_of("qz" * 128 + "q") == "too_long"
    assert code_of("🦊" * 256) is None
    assert code_of("🦊" * 257) == "too_long"


def test_characters_are_counted_in_composed_form() -> None:
    assert code_of(unicodedata.normalize("NFD", "äöüäöüä")) == "too_short"
    assert code_of(unicodedata.normalize("NFD", "äöü" * 85 + "x")) is None


def test_the_ten_thousand_most_used_are_too_common_and_the_next_is_not() -> None:
    used = FREQUENCY_LISTS["passwords"]
    common = [word for word in used[:10_000] if len(word) >= 8]
    next_one = next(word for word in used[10_000:] if len(word) >= 8)

    assert {code_of(word) for word in common} == {"too_common"}
    assert code_of(next_one) is None


@pytest.mark.parametrize("password", ["password", "PASSWORD", "PassWord", "12345678", "qwertyuiop"])
def test_letter_case_does_not_make_a_common_one_uncommon(password: str) -> None:
    assert code_of(password) == "too_common"


def test_only_the_whole_password_is_compared_with_common_ones() -> None:
    assert code_of("password of a fox") is None


@pytest.mark.parametrize("text", ABOUT)
def test_the_names_and_addresses_of_user_and_account_are_too_obvious(text: str) -> None:
    for spelled in (text, text.upper(), text.lower(), unicodedata.normalize("NFD", text)):
        assert code_of(spelled) == "too_obvious"
    assert code_of(text + "!") is None


def test_spaces_around_a_name_are_ignored() -> None:
    found = reason_to_refuse("alice in chains", about_user=("  Alice in Chains ",))

    assert found is not None
    assert found[0] == "too_obvious"


@given(st.text(min_size=0, max_size=300))
def test_a_password_and_its_other_unicode_form_are_judged_alike(password: str) -> None:
    forms = {unicodedata.normalize(form, password) for form in ("NFC", "NFD")}

    assert len({code_of(form) for form in forms}) == 1
