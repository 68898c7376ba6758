"""Text on one line that people write: names, labels, descriptions (docs/api.md section 2).

The refused characters are listed here, not taken from Python's Unicode tables: Unicode never changes these sets,
and a letter that is newer than the tables is a letter too.
"""

import re
import unicodedata

_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}-{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
_REFUSED = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # controls
    "\u2028\u2029"  # line and paragraph separator
    "\u202a-\u202e\u2066-\u206f"  # bidirectional embeddings, overrides and isolates, deprecated formatting
    "\ud800-\udfff"  # lone surrogates
    f"{_NONCHARACTERS}]"
)
_OTHER_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE_CATEGORIES = frozenset({"Zs", "Cf", "Mn", "Me"})  # spaces, formatting, marks on another character
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # Hangul fillers, the empty Braille pattern
_JOINERS = " \u200c\u200d"
_EXPANSION = 4
"""A code point in NFC has at most this many code points decomposed. Longer text is not normalized at all."""


class BadTextError(ValueError):
    """The text is not acceptable; `code` says why in a word, the message in a sentence for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def is_one_line(text: str) -> bool:
    """Whether the text has no control character, line break or bidirectional control.

    This is all that is asked of an id, which is compared and shown as it was given.
    """
    return _REFUSED.search(text) is None


def with_plain_spaces(text: str) -> str:
    """Return the text in NFC, with a plain space for every other space."""
    return unicodedata.normalize("NFC", _OTHER_SPACES.sub(" ", text))


def one_line(text: str, longest: int) -> str:
    """Return the text trimmed, in NFC and with plain spaces; raises `BadTextError`.

    It must then have 1 to `longest` code points, one of them visible. NFC takes quadratic time, so the length is
    limited before it too.
    """
    if len(text) > longest * _EXPANSION:
        raise _too_long(longest)
    if not is_one_line(text):
        raise BadTextError("malformed", "Control characters, line breaks and text direction controls are refused.")
    line = with_plain_spaces(text).strip(" ")
    if len(line) > longest:
        raise _too_long(longest)
    if not any(map(_is_visible, line)):
        raise BadTextError("too_short", "At least one visible character is required.")
    return line


def line_or_none(value: object, longest: int) -> str | None:
    """Return what `one_line` returns, shortened if it is too long; None if it cannot be kept.

    For a name that a third party asserts, which is no reason to refuse the person.
    """
    if not isinstance(value, str):
        return None
    try:
        line = one_line(value[: longest * _EXPANSION], longest * _EXPANSION)
        return one_line(line[:longest].rstrip(_JOINERS), longest)
    except BadTextError:
        return None


def _too_long(longest: int) -> BadTextError:
    return BadTextError("too_long", f"At most {longest} characters are allowed.")


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in _INVISIBLE_CATEGORIES and character not in _INVISIBLE_LETTERS
