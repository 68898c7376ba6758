"""A browser, a page in it, and a service that sends links."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.mailed_links import MailedLinks, mailed_links
from tests.support.programs.chromium import chromium, complaints_of


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailedLinks]:
    with mailed_links(tmp_path_factory.mktemp("links")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page; the browser must complain of nothing but requests that a test has cut off."""
    context = browser.new_context(locale="fr-FR")  # the link's language counts, not the browser's
    opened = context.new_page()
    complaints = complaints_of(opened)
    yield opened
    context.close()
    assert set(complaints) <= {"Failed to load resource: net::ERR_FAILED"}
