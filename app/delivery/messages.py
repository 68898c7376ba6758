"""Render e-mails as plain text, and as HTML with the same paragraphs."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ua_parser
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.core.language_tags import best_match
from app.delivery.letters import Email

LOCALES = ("en", "de")

_LONGEST = 300  # characters of one value that a user or browser supplied
_LONGEST_USER_AGENT = 1000
_TEMPLATES = Path(__file__).parent / "templates"

# Bidirectional control characters: a name with them could reorder the sentence around it.
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Message:
    """A rendered e-mail."""

    subject: str
    text: str
    html: str


def render(letter: Email, extra: dict[str, Any] | None = None) -> Message:
    """Render an e-mail in the recipient's language, or in English.

    `extra` has values that must not be stored in the queue, such as a `link`. Call this in a thread: the first
    parsing of a user agent is slow.
    """
    language = language_of(letter.locale)
    browser, system = describe(letter.user_agent)
    context: dict[str, Any] = {"link": None} | {
        "language": language,
        "account_name": plain(letter.account_name),
        "name": plain(letter.name),
        "at": letter.at,
        "ip": plain(letter.ip),
        "browser": browser,
        "system": system,
        "details": _plain(letter.details),
        **(extra or {}),
    }
    rendered = _environment().get_template(f"{language}/{letter.kind.value}.txt").render(context)
    subject, _, text = rendered.partition("\n")
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]
    html = _environment().get_template("letter.html").render(context, subject=subject, paragraphs=paragraphs)
    return Message(subject, "\n\n".join(paragraphs) + "\n", html)


def language_of(locale: str) -> str:
    """Return the supported language for a locale such as `de-AT`; English if there is none."""
    return best_match(locale.replace("_", "-"), LOCALES) or LOCALES[0]


def describe(user_agent: str) -> tuple[str | None, str | None]:
    """Return the browser or app, and the system of a `User-Agent`, such as Firefox and Windows."""
    found = ua_parser.parse(user_agent[:_LONGEST_USER_AGENT])
    browser, system = found.user_agent, found.os
    return plain(browser.family) if browser else None, plain(system.family) if system else None


def plain(said: str) -> str:
    """Return text from a user as one line without control characters, at most 300 characters."""
    kept = (
        " " if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} else character
        for character in said[:_LONGEST]
        if character not in _BIDI_CONTROLS
    )
    return " ".join("".join(kept).split())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return plain(value) if isinstance(value, str) else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        auto_reload=False,
    )
