"""The pages behind links: one template for all, with the texts of each language."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.delivery.messages import LOCALES, language_of

FILES = Path(__file__).parent / "pages"

_LONGEST_LOCALE = 35  # characters; RFC 5646, section 4.4.1
_LONGEST_ACCEPT_LANGUAGE = 200


@dataclass(frozen=True)
class Page:
    """A page: the calls of its script, under the account's path, and its form."""

    details: str
    action: str
    asks_for_password: bool = False
    works_again: bool = False


PAGES = {
    "password": Page("/link-details", "/password-links/redemption", asks_for_password=True),
    "email": Page("/link-details", "/email-confirmations"),
    "email-stop": Page("/link-details", "/email-changes/stop"),
    "report": Page("/report-link-details", "/report-downloads", works_again=True),
}
_OF_A_PAGE = ("done", "link_expired")  # messages that each page has in its own words


def page_language(locale: str, accept_language: str) -> str:
    """Return the language of the link's locale; without one, the first known language of the browser."""
    if locale:
        return language_of(locale[:_LONGEST_LOCALE])
    for part in accept_language[:_LONGEST_ACCEPT_LANGUAGE].split(","):
        language = part.partition(";")[0].partition("-")[0].strip().lower()
        if language in LOCALES:
            return language
    return LOCALES[0]


def render_page(kind: str, language: str, *, account: str, front_end: str | None) -> str:
    """Return the HTML of a page; a kind that is not in `PAGES` gets a page that says so.

    `front_end` is the URL that the page leads to at the end.
    """
    page, texts = PAGES.get(kind), texts_of(language)
    own = texts["pages"][kind if page else "unknown"]
    return (
        _environment()
        .get_template("page.html")
        .render(
            language=language,
            account=account,
            page=page,
            texts=own,
            messages=texts["messages"] | {name: own[name] for name in _OF_A_PAGE if page},
            labels=texts["labels"],
            general=texts["general"],
            front_end=front_end,
            front_end_host=urlsplit(front_end or "").netloc,
        )
    )


@cache
def texts_of(language: str) -> dict[str, Any]:
    """Return the texts of a language: general ones, labels, messages, and those of each page."""
    return tomllib.loads((FILES / "texts" / f"{language}.toml").read_text("utf-8"))


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FILES), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
