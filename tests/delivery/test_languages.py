"""Each language has every letter: no template is missing, and none is left in English."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.delivery import messages
from app.delivery.letters import Kind
from app.delivery.messages import LOCALES, render
from tests.delivery.conftest import a_letter

TEMPLATES = Path(messages.__file__).parent / "templates"
LINK = "https://id.example.com/links/a/password#pgp_x"
WITH_LINK = {
    Kind.REPORT_READY,
    Kind.INVITATION,
    Kind.PASSWORD_LINK,
    Kind.EMAIL_CONFIRMATION,
    Kind.EMAIL_CHANGE_ASKED,
}
# Values of every detail that a template may ask for; between them they take every branch.
DETAILS: list[dict[str, Any]] = [
    {
        "label": "Phone",
        "replaced": 1,
        "failures": 20,
        "at": "sign_in",
        "ended": False,
        "left": 7,
        "by": None,
        "days": 30,
        "provider": "intranet",
        "new_email": "n•••@example.com",
        "asked_by": "Bob Boss",
        "now_owner": True,
        "other": "Bob Boss",
    },
    {
        "label": "Phone",
        "replaced": 0,
        "failures": 20,
        "at": "step_up",
        "ended": True,
        "left": 0,
        "by": {"name": "Bob Boss", "email": "bob@example.com"},
        "days": 1,
        "provider": "intranet",
        "new_email": "n•••@example.com",
        "asked_by": None,
        "now_owner": False,
        "other": "Bob Boss",
    },
]

each_language = pytest.mark.parametrize("locale", LOCALES)
each_kind = pytest.mark.parametrize("kind", Kind)
each_details = pytest.mark.parametrize("details", DETAILS, ids=["some", "others"])


def paragraphs_of(kind: Kind, locale: str, details: dict[str, Any]) -> list[str]:
    letter = a_letter(kind, locale=locale, details=details)
    return render(letter, {"link": LINK} if kind in WITH_LINK else None).text.strip().split("\n\n")


def test_the_folders_of_templates_are_the_languages() -> None:
    assert {path.name for path in TEMPLATES.iterdir() if path.is_dir()} == set(LOCALES)


@each_language
def test_a_language_has_a_template_for_each_letter_and_no_other(locale: str) -> None:
    found = {path.stem for path in (TEMPLATES / locale).iterdir()}

    assert found == {kind.value for kind in Kind} | {"letter"}


@each_language
@each_kind
@each_details
def test_a_letter_has_its_link_in_every_language(kind: Kind, locale: str, details: dict[str, Any]) -> None:
    assert (LINK in paragraphs_of(kind, locale, details)) is (kind in WITH_LINK)


@pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale != "en"])
@each_kind
@each_details
def test_no_paragraph_of_a_letter_is_left_in_english(kind: Kind, locale: str, details: dict[str, Any]) -> None:
    translated, english = (paragraphs_of(kind, language, details) for language in (locale, "en"))

    assert set(translated) & set(english) <= {LINK}
    assert len(translated) == len(english)


@each_language
@each_kind
def test_a_template_extends_the_letter_of_its_own_language(kind: Kind, locale: str) -> None:
    text = (TEMPLATES / locale / f"{kind.value}.txt").read_text()

    assert re.findall(r"{% extends \"(.+?)\" %}", text) == [f"{locale}/letter.txt"]
    assert re.findall(r"{% block (\w+) %}", text) == ["subject", "news", "not_you"]
