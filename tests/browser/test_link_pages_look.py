"""The pages behind links as people see and hear them: language, contrast, narrow screens, labels."""

import itertools
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from app.delivery.messages import LOCALES
from tests.browser.mailed_links import PASSWORD, MailedLinks, is_focused
from tests.support.programs.accessibility import violations_of
from tests.support.programs.chromium import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium")


def open_password(page: Page, links: MailedLinks, locale: str) -> None:
    """Open a page with long names, one of them right-to-left."""
    page.goto(links.invite(locale=locale, name="W" * 180 + " علي")[1])
    page.locator("#password").wait_for()


def refuse_password(page: Page, links: MailedLinks, locale: str) -> None:
    open_password(page, links, locale)
    page.fill("#password", "short")
    page.click("form button")
    page.locator("#alert:not(:empty)").wait_for()


def set_password(page: Page, links: MailedLinks, locale: str) -> None:
    open_password(page, links, locale)
    page.fill("#password", PASSWORD)
    page.click("form button")
    page.locator("#status:not(:empty)").wait_for()


def open_email(page: Page, links: MailedLinks, locale: str) -> None:
    page.goto(links.change_address(links.invite(locale=locale)[0])[0])
    page.locator("form button").wait_for()


def open_email_stop(page: Page, links: MailedLinks, locale: str) -> None:
    page.goto(links.change_address(links.invite(locale=locale)[0])[1])
    page.locator("form button").wait_for()


def open_report(page: Page, links: MailedLinks, locale: str) -> None:
    page.goto(links.report().replace("?locale=en", f"?locale={locale}"))
    page.locator("form button").wait_for()


def open_dead_link(page: Page, links: MailedLinks, locale: str) -> None:
    page.goto(f"{links.service.url}/links/demo/email-stop?locale={locale}#pgp_{'A' * 43}")
    page.locator("#alert:not(:empty)").wait_for()


def open_without_token(page: Page, links: MailedLinks, locale: str) -> None:
    page.goto(f"{links.service.url}/links/demo/report?locale={locale}")
    page.locator("#alert:not(:empty)").wait_for()


def open_without_service(page: Page, links: MailedLinks, locale: str) -> None:
    page.route("**/link-details", lambda route: route.abort())
    page.goto(f"{links.service.url}/links/demo/email?locale={locale}#pgp_{'A' * 43}")
    page.locator("#retry").wait_for()


def open_unknown(page: Page, links: MailedLinks, locale: str) -> None:
    page.goto(f"{links.service.url}/links/demo/other?locale={locale}")


STATES = (
    open_password,
    refuse_password,
    set_password,
    open_email,
    open_email_stop,
    open_report,
    open_dead_link,
    open_without_token,
    open_without_service,
    open_unknown,
)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("reach", STATES, ids=lambda state: state.__name__)
def test_every_state_of_a_page_can_be_read_by_everybody(
    page: Page, links: MailedLinks, reach: Callable[[Page, MailedLinks, str], None], locale: str
) -> None:
    reach(page, links, locale)

    assert page.locator("html").get_attribute("lang") == locale
    for scheme, width in itertools.product(("light", "dark"), (320, 1280)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two that it knows
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert violations_of(page) == []


def test_a_page_whose_link_has_no_locale_takes_the_browsers_language(browser: Browser, links: MailedLinks) -> None:
    for locale, language in (("de-AT", "de"), ("en-GB", "en"), ("fr-FR", "en")):
        context = browser.new_context(locale=locale)
        page = context.new_page()
        page.goto(f"{links.service.url}/links/demo/report")
        assert page.locator("html").get_attribute("lang") == language
        context.close()


def test_a_person_can_use_the_page_by_keyboard_alone(page: Page, links: MailedLinks) -> None:
    open_password(page, links, "en")
    for selector in ("#password", "form button"):
        page.keyboard.press("Tab")
        assert is_focused(page, selector)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Shift+Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#status", has_text="Your password is set").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.href") == "https://demo.app.example/sign-in"
