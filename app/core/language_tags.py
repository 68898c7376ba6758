"""Language tags (BCP 47): their form by RFC 5646, and the choice of a language by RFC 4647."""

import re
from collections.abc import Iterable

LONGEST_TAG = 64
"""Characters of a tag; RFC 5646 4.4.1 asks for room for 35."""

# The `langtag` of RFC 5646 2.1, in any letter case, with a language of two or three letters: longer ones are
# reserved, and what people send is the name of a language, such as `English`. Grandfathered tags are refused.
_TAG = re.compile(
    r"""
    [a-z]{2,3} (-[a-z]{3}){0,3}                             # language, extended language
    (-[a-z]{4})?                                            # script
    (-([a-z]{2}|[0-9]{3}))?                                 # region
    (?P<variants> (-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))* )
    (?P<extensions> (-[a-wyz0-9](-[a-z0-9]{2,8})+)* )
    (-x(-[a-z0-9]{1,8})+)?                                  # private use
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


PATTERN = (
    "^[a-zA-Z]{2,3}(-[a-zA-Z]{3}){0,3}(-[a-zA-Z]{4})?(-([a-zA-Z]{2}|[0-9]{3}))?"
    "(-([a-zA-Z0-9]{5,8}|[0-9][a-zA-Z0-9]{3}))*(-[a-wyzA-WYZ0-9](-[a-zA-Z0-9]{2,8})+)*(-[xX](-[a-zA-Z0-9]{1,8})+)?$"
)
"""The same form for the OpenAPI document, where patterns have no flags."""


def is_language_tag(text: str) -> bool:
    """Whether the text is a well-formed language tag, such as `de`, `zh-Hans` or `es-419`."""
    found = _TAG.fullmatch(text) if len(text) <= LONGEST_TAG else None
    if found is None:
        return False
    variants = found["variants"].lower().split("-")[1:]
    singletons = [part for part in found["extensions"].lower().split("-") if len(part) == 1]
    return all(len(parts) == len(set(parts)) for parts in (variants, singletons))


def best_match(tag: str, available: Iterable[str]) -> str | None:
    """Return the available tag that fits `tag` best, by the lookup of RFC 4647 3.4; else None.

    The end of the tag is left out until it is available: `zh-Hant-TW`, then `zh-Hant`, then `zh`.
    """
    known = {each.lower(): each for each in available}
    parts = tag.lower().split("-")
    while parts:
        if (found := known.get("-".join(parts))) is not None:
            return found
        parts.pop()
        if parts and len(parts[-1]) == 1:
            parts.pop()
    return None
