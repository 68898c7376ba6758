"""Language tags: their form (RFC 5646) and the choice of a language (RFC 4647)."""

import re

import pytest

from app.core.language_tags import LONGEST_TAG, PATTERN, best_match, is_language_tag


@pytest.mark.parametrize(
    "tag",
    [
        "de",
        "en-GB",
        "EN",
        "en-gb",
        "haw",
        "zh-Hans",
        "zh-Hant-TW",
        "sr-Latn-RS",
        "es-419",
        "zh-cmn-Hans-CN",
        "sl-rozaj-biske-1994",
        "de-CH-1901",
        "hy-Latn-IT-arevela",
        "ja-JP-u-ca-japanese",
        "en-a-bbb-x-a-ccc",
        "de-x-" + "abcdefgh-" * 6 + "abcde",
    ],
)
def test_a_well_formed_tag_is_accepted(tag: str) -> None:
    assert is_language_tag(tag)
    assert len(tag) <= LONGEST_TAG


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "e",
        "english",
        "en_GB",
        "en-",
        "-en",
        "en--GB",
        "en-G",
        "en\n",
        " en",
        "de-419-DE",
        "de-DE-Latn",
        "de-1901-1901",
        "en-a-bb-a-cc",
        "en-a",
        "en-x",
        "x-private",
        "i-klingon",
        "\u0435n",
        "e\u017f",
        "\u212ao",
        "en-\uff27\uff22",
        "de-\u0661\u0662\u0663",
        "../de",
        "de-" + "x" * 60_000,
        "de" + "-abcdefgh" * 8,
    ],
    ids=lambda tag: ascii(tag[:30]),
)
def test_another_text_is_refused(tag: str) -> None:
    assert not is_language_tag(tag)


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("zh-Hant-TW", "zh-Hant"),
        ("ZH-hant", "zh-Hant"),
        ("zh-Hant-x-a", "zh-Hant"),
        ("zh-Hans", "zh"),
        ("zh-TW", "zh"),
        ("de-AT-u-co-phonebk", "de"),
        ("deu", None),
        ("fr", None),
        ("", None),
    ],
)
def test_the_end_of_a_tag_is_left_out_until_it_is_available(tag: str, found: str | None) -> None:
    assert best_match(tag, ("en", "de", "zh", "zh-Hant")) == found


@pytest.mark.parametrize(
    "tag",
    [
        "de",
        "DE-at",
        "zh-Hans",
        "es-419",
        "sl-rozaj-biske",
        "de-u-co-phonebk",
        "en-x-a",
        "d",
        "de-",
        "-",
        "ûï",
        "*",
    ],
)
def test_the_documented_pattern_is_what_is_accepted(tag: str) -> None:
    assert (re.fullmatch(PATTERN, tag) is not None) == is_language_tag(tag)
