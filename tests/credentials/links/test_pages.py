"""The pages behind links over HTTP: complete in each language, under a strict policy, and no secret in them."""

import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from app.core.settings import Settings
from app.credentials.links.page_rendering import FILES, PAGES, texts_of
from app.credentials.passwords.rules import reason_to_refuse
from app.delivery.messages import LOCALES
from tests.support.account.arrange import Tenant
from tests.support.account.client import refused
from tests.support.account.variants import with_settings

ROOT = "http://127.0.0.1:8000"
SAME_IN_ENGLISH = {("labels", "name")}

each_kind = pytest.mark.parametrize("kind", PAGES)
each_translation = pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale != "en"])


async def get(tenant: Tenant, path: str, **headers: str) -> httpx.Response:
    return await tenant.browser().http.get(f"{ROOT}/links/{path}", headers=headers)


def flat(texts: dict[str, Any], *path: str) -> dict[tuple[str, ...], str]:
    """Return every text by its path in the file."""
    found: dict[tuple[str, ...], str] = {}
    for name, value in texts.items():
        found |= flat(value, *path, name) if isinstance(value, dict) else {(*path, name): value}
    return found


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def language_of(answer: httpx.Response) -> str:
    [language] = Tags(answer.text).of("html")
    return language["lang"] or ""


@each_kind
async def test_a_page_has_a_strict_policy_and_nothing_inline(tenant: Tenant, kind: str) -> None:
    answer = await get(tenant, f"demo/{kind}?locale=de")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    tags = Tags(answer.text)
    assert [script["src"] for script in tags.of("script")] == ["/links/page.js"]
    assert tags.of("style") == []
    inline = [name for _, attributes in tags.found for name in attributes if name == "style" or name[:2] == "on"]
    assert inline == []


async def test_script_and_style_are_served_and_no_other_file(tenant: Tenant) -> None:
    for name, content_type in (("page.js", "text/javascript"), ("page.css", "text/css")):
        answer = await get(tenant, name)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, content_type)
    for name in (
        "page.html",
        "page.",
        "page.toml",
        "page.js%2f..",
        "texts/en.toml",
        "page.%2e%2e%2fpage_router.py",
    ):
        assert (await get(tenant, name)).status_code == 404


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr-FR, en;q=0.5, de;q=0.1", "en"),
        ("", "fr", "en"),
        ("", "", "en"),
        ("?locale=", "de", "de"),
        ("?locale=de-CH", "en", "de"),
        ("?locale=en", "de", "en"),
        ("?locale=fr", "de", "en"),  # as in the letter
        ("?locale=..%2fde", "", "en"),
        ("?locale=" + "d" * 60_000, "de", "en"),
        ("", "x," * 30_000 + "de", "en"),
    ],
)
async def test_the_language_is_the_links_or_else_the_browsers(
    tenant: Tenant, query: str, accepted: str, language: str
) -> None:
    answer = await get(tenant, f"demo/email{query}", **{"Accept-Language": accepted})

    assert (answer.status_code, language_of(answer)) == (200, language)


@each_translation
async def test_a_browser_that_asks_for_another_page_gets_one_that_says_so(tenant: Tenant, locale: str) -> None:
    for path in ("demo/other", "demo/unknown", "demo/Password", "NO%22%3E%3Cb%3E/password", "-/email"):
        refused(await get(tenant, f"{path}?locale={locale}"), 404, "not_found")  # not to a browser
        answer = await get(tenant, f"{path}?locale={locale}", Accept="text/html,*/*;q=0.8")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert texts_of(locale)["pages"]["unknown"]["title"] in answer.text
        assert [tag for tag in ("script", "form", "b") if Tags(answer.text).of(tag)] == []


@pytest.mark.parametrize(
    ("front_end", "href", "host"),
    [
        ("https://app.example.com", "https://app.example.com", "app.example.com"),
        ("https://{account}.app.example/?a=1&b", "https://demo.app.example/?a=1&amp;b", "demo.app.example"),
    ],
)
async def test_a_page_leads_to_the_front_end(tenant: Tenant, front_end: str, href: str, host: str) -> None:
    Settings.model_validate({"front_end_url": front_end})
    answer = await get(with_settings(tenant, front_end_url=front_end), "demo/report")

    assert f'<a href="{href}">Continue to {host}</a>' in answer.text
    assert "You can close this page" not in answer.text


async def test_without_a_front_end_a_page_leads_nowhere(tenant: Tenant) -> None:
    answer = await get(tenant, "demo/report")

    assert Tags(answer.text).of("a") == []
    assert "You can close this page" in answer.text


def test_the_files_of_texts_are_the_languages() -> None:
    assert {path.stem for path in (FILES / "texts").iterdir()} == set(LOCALES)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_texts_have_every_page(locale: str) -> None:
    assert set(texts_of(locale)["pages"]) == set(PAGES) | {"unknown"}
    assert [path for path, text in flat(texts_of(locale)).items() if not text.strip()] == []


@each_translation
def test_a_language_has_every_text_and_none_is_left_in_english(locale: str) -> None:
    english, translated = flat(texts_of("en")), flat(texts_of(locale))

    assert translated.keys() == english.keys()
    assert {path for path, text in translated.items() if text == english[path]} == SAME_IN_ENGLISH


@pytest.mark.parametrize("locale", LOCALES)
def test_every_reason_to_refuse_a_password_has_a_text(locale: str) -> None:
    passwords = ("short", "x" * 257, "password1", "some-account")
    found = [reason_to_refuse(password, about_user=("some-account",)) for password in passwords]
    codes = {reason[0] for reason in found if reason} | {"breached"}

    assert len(codes) == len(passwords) + 1
    assert codes <= texts_of(locale)["messages"].keys()


def test_every_message_that_the_script_names_exists() -> None:
    script = (FILES / "page.js").read_text()
    named = set(re.findall(r'(?:show|showAndFocus|end)\("\w+", "(\w+)"', script)) | {"unavailable", "failed"}

    assert {"no_token", "checking", "done", "link_expired"} < named
    for page in PAGES:
        assert named <= set(texts_of("en")["messages"]) | set(texts_of("en")["pages"][page])
