"""HTML letters in a real browser: nothing runs over the card, and the text can be read."""

import pytest
from playwright.sync_api import Browser

from app.delivery.letters import Kind
from app.delivery.messages import LOCALES, render
from tests.delivery.conftest import a_letter
from tests.support.programs.accessibility import violations_of
from tests.support.programs.chromium import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium")

PAGES_ONLY = ("landmark-one-main", "page-has-heading-one", "region")  # a letter is not a page of its own
LINK = f"https://id.example.com/links/{'a' * 63}/report?locale=de#pgr_{'0' * 36}.{'A' * 43}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 800])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_long_link_and_a_long_name_stay_in_the_card(
    browser: Browser, locale: str, width: int, scheme: str
) -> None:
    letter = a_letter(Kind.REPORT_READY, locale=locale, account_name="W" * 200, name="W" * 200)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]  # one of the two that it knows
    page.set_content(render(letter, {"link": LINK}).html)

    card, link = (page.locator(selector).bounding_box() for selector in (".card", "a"))
    assert card is not None
    assert link is not None
    assert card["x"] < link["x"]
    assert link["x"] + link["width"] < card["x"] + card["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert violations_of(page, but=PAGES_ONLY) == []
    page.close()
