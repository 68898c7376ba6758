"""The page behind the link to a report, in a real browser; a dead link shows a page, too."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.mailed_links import MailedLinks, is_focused, wait_for
from tests.support.programs.chromium import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium")


def test_a_report_is_downloaded_again_and_again(links: MailedLinks, page: Page) -> None:
    link = links.report()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(link)
    assert page.title() == "Download your report"
    button = page.get_by_role("button", name="Download the report")
    for _ in range(2):  # by keyboard only; afterwards the page is as good as new
        button.focus()
        with page.expect_download() as downloading:
            page.keyboard.press("Enter")
        saved = downloading.value
        assert re.fullmatch(r"two-factor-status-demo-[0-9-]{10}\.csv", saved.suggested_filename)
        content = Path(saved.path()).read_bytes()
        assert content.startswith(b"\xef\xbb\xbfuser_id,name,email,")
        assert b'"owner@demo.example"' in content
        wait_for(page, "status", "The report was downloaded.")
        assert is_focused(page, "#status")
        assert page.get_by_role("link", name="Continue to").is_visible()
    page.reload()
    button.wait_for()
    assert not [url for url in asked if "pgr_" in url.partition("#")[0]]


def test_a_dead_report_link_shows_a_page(links: MailedLinks, page: Page) -> None:
    link = links.report()
    page.goto(link[:-4] + "AAAA")
    wait_for(page, "alert", "Ask for a new report.")
    assert page.locator("form").count() == 0
    assert "{" not in page.inner_text("body")

    answer = page.goto(link.replace("/report?", "/repor?"))  # as a mail program cuts it
    assert answer
    assert answer.status == 404
    assert page.title() == "There is no such page"
    assert page.get_by_role("link", name="Continue to").is_visible()
    page.goto(link.replace("/demo/", "/nobody/"))
    wait_for(page, "alert", "The link is not complete")
