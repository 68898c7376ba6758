"""The text of letters: each kind in each language; user data injects no markup and no line."""

import re
from typing import Any

import pytest

from app.delivery.letters import Kind
from app.delivery.messages import LOCALES, describe, language_of, plain, render
from tests.delivery.conftest import FIREFOX, a_letter

DETAILS: dict[Kind, dict[str, Any]] = {
    Kind.TWO_FACTOR_TURNED_ON: {"label": "Phone", "replaced": 0},
    Kind.AUTHENTICATOR_ADDED: {"label": "Phone", "replaced": 2},
    Kind.AUTHENTICATOR_REMOVED: {"label": "Phone"},
    Kind.AUTHENTICATORS_DISABLED: {"failures": 20},
    Kind.PASSCODES_FAILED: {"at": "sign_in", "ended": False},
    Kind.RECOVERY_CODE_USED: {"left": 7},
    Kind.RECOVERY_CODES_REGENERATED: {"by": None},
    Kind.TRUSTED_DEVICE_ADDED: {"days": 30},
    Kind.SSO_LINKED: {"provider": "intranet"},
}
SECURITY_KINDS = [*DETAILS, Kind.TWO_FACTOR_TURNED_OFF, Kind.PASSWORD_CHANGED]
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
LINK = "https://id.example.com/links/a/report?x&y=z#pgr_x"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", SECURITY_KINDS)
def test_each_security_letter_says_who_when_where_and_what_to_do(kind: Kind, locale: str) -> None:
    said = render(a_letter(kind, locale=locale, details=DETAILS.get(kind, {})))

    assert said.subject.endswith("(Example & Söhne)")
    assert "Alice Müller" in said.text
    if locale == "en":
        assert "When: 24 November 2026, 10:15 UTC\n" in said.text
        assert "From: Firefox on Windows, address 203.0.113.7\n" in said.text
        assert re.search("If (this was not you|you did not ask)", said.text)
    else:
        assert "Wann: 24.11.2026, 10:15 Uhr (UTC)\n" in said.text
        assert "Von: Firefox unter Windows, Adresse 203.0.113.7\n" in said.text
        assert re.search("Wenn Sie (das nicht waren|nicht darum gebeten)", said.text)
    for label in {"Phone"} & set(DETAILS.get(kind, {}).values()):
        assert label in said.text


@pytest.mark.parametrize("kind", SECURITY_KINDS)
def test_each_language_has_its_own_subject(kind: Kind) -> None:
    said = {render(a_letter(kind, locale=locale, details=DETAILS.get(kind, {}))).subject for locale in LOCALES}

    assert len(said) == len(LOCALES)


@pytest.mark.parametrize("kind", SECURITY_KINDS)
def test_the_html_says_what_the_text_says(kind: Kind) -> None:
    said = render(a_letter(kind, details=DETAILS.get(kind, {})))

    shown = re.sub(r"<br>", "\n", said.html.partition("<body")[2])
    shown = re.sub(r"<[^>]*>|^.*?>", "", shown).replace("&amp;", "&").replace("&#34;", '"').replace("&#39;", "'")
    assert shown.split() == said.text.split()


@pytest.mark.parametrize("locale", LOCALES)
def test_the_letter_about_wrong_passcodes_says_what_they_caused(locale: str) -> None:
    cases = [("sign_in", False), ("step_up", True), ("step_up", False)]
    said = [
        render(a_letter(Kind.PASSCODES_FAILED, locale=locale, details={"at": at, "ended": ended})).text
        for at, ended in cases
    ]

    assert len(set(said)) == len(cases)
    assert "right password" in said[0] or "richtiges Passwort" in said[0]
    assert "has been ended" in said[1] or "beendet worden" in said[1]
    assert "You can still sign in" in said[2] or "Anmelden können Sie sich weiterhin" in said[2]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("left", "warns"), [(0, True), (1, True), (3, True), (4, False)])
def test_the_letter_about_a_recovery_code_warns_when_three_or_fewer_are_left(
    locale: str, left: int, *, warns: bool
) -> None:
    said = render(a_letter(Kind.RECOVERY_CODE_USED, locale=locale, details={"left": left})).text

    assert bool(re.search("Make new recovery codes soon|Erzeugen Sie bald", said)) is warns
    assert str(left) in said or re.search("none left|keinen mehr", said)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_text_about_codes_that_an_admin_made_names_the_admin(locale: str) -> None:
    by = {"name": "Bob Boss", "email": "bob@example.com"}

    said = render(a_letter(Kind.RECOVERY_CODES_REGENERATED, locale=locale, details={"by": by})).text

    assert "Bob Boss (bob@example.com)" in said


@pytest.mark.parametrize("locale", LOCALES)
def test_the_text_about_codes_from_the_command_line_says_so(locale: str) -> None:
    letter = a_letter(Kind.RECOVERY_CODES_REGENERATED, locale=locale, details={"by": None}, ip="", user_agent="")

    assert re.search("command line|Kommandozeile", render(letter).text)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_link_is_in_text_and_html(locale: str) -> None:
    said = render(a_letter(Kind.REPORT_READY, locale=locale), {"link": LINK})

    assert f"\n{LINK}\n" in said.text
    assert f'<a href="{LINK.replace("&", "&amp;")}"' in said.html


@pytest.mark.parametrize("kind", [*SECURITY_KINDS, Kind.REPORT_READY])
def test_a_letter_without_a_link_contains_no_url(kind: Kind) -> None:
    said = render(a_letter(kind, details=DETAILS.get(kind, {})))

    assert "http" not in said.text + said.html


def test_a_name_cannot_inject_html() -> None:
    evil = '<img src=x onerror="alert(1)">'
    letter = a_letter(Kind.AUTHENTICATOR_REMOVED, name=evil, account_name=evil, details={"label": evil})

    assert evil in render(letter).text
    assert "<img" not in render(letter).html


def test_a_name_cannot_inject_a_template() -> None:
    said = render(a_letter(name="{{ 7 * 7 }}{% raw %}"))

    assert "{{ 7 * 7 }}{% raw %}" in said.text


@pytest.mark.parametrize("breaking", ["\r\n", "\n\n", "\r", "\u2028", "\u2029", "\x00", "\x85", "\t", "\ud800"])
def test_a_name_cannot_inject_a_line(breaking: str) -> None:
    said = render(a_letter(name=f"A{breaking}Bcc: x", account_name=f"B{breaking}Subject: y"))

    assert said.subject == "Your password was changed (B Subject: y)"
    assert said.text.startswith("Hello A Bcc: x,\n\n")


def test_a_name_cannot_change_the_text_direction() -> None:
    assert plain("Ann\u202eecila\u2066\u200f") == "Annecila"
    assert (
        plain("👩\u200d👩\u200d👧 עברית é") == "👩\u200d👩\u200d👧 עברית é"
    )  # joined emoji and other scripts stay


def test_a_very_long_name_is_cut() -> None:
    assert len(render(a_letter(name="n" * 10_000)).text) < 2_000


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("en", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_de", "de"),
        ("fr", "en"),
        ("", "en"),
        ("../de", "en"),
        ("de-CH-1901", "de"),
        ("de-Latn-AT-x-a", "de"),
        ("zh-Hans", "en"),
        ("es-419", "en"),
        ("den", "en"),
    ],
)
def test_the_language_is_the_users_or_english(locale: str, language: str) -> None:
    assert language_of(locale) == language


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (FIREFOX, ("Firefox", "Windows")),
        (SAFARI, ("Mobile Safari", "iOS")),
        (CHROME, ("Chrome", "Linux")),
        ("curl/8.14.1", ("curl", None)),
        ("", (None, None)),
        ("A" * 100_000, (None, None)),
    ],
)
def test_a_user_agent_is_described_as_browser_and_system(
    user_agent: str, said: tuple[str | None, str | None]
) -> None:
    assert describe(user_agent) == said


@pytest.mark.parametrize("locale", LOCALES)
def test_an_unknown_user_agent_is_called_unknown(locale: str) -> None:
    said = render(a_letter(locale=locale, user_agent="?")).text

    assert re.search("an unknown browser or app, address|einem unbekannten Browser oder Programm, Adresse", said)
