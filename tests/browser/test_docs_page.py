"""The page /docs in a real browser; it loads nothing from other hosts."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.programs.chromium import CHROMIUM, chromium, complaints_of
from tests.support.programs.serving import serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium")


def test_every_operation_is_shown_and_can_be_tried_under_a_strict_policy(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--no-jobs") as service, chromium() as browser:
        page = browser.new_page()
        complaints, asked = complaints_of(page), list[str]()
        page.on("request", lambda request: asked.append(request.url))

        answer = page.goto(f"{service.url}/docs")
        page.locator(".opblock").first.wait_for()
        document = httpx.get(f"{service.url}/openapi.json").json()
        described = [method for item in document["paths"].values() for method in item if method != "parameters"]
        assert page.locator(".opblock").count() == len(described)

        first_words = page.locator(".info .description").inner_text().strip()
        first_call = page.locator(".opblock-summary-path").first.get_attribute("data-path")

        readiness = page.locator(".opblock", has_text="/readyz")
        readiness.locator(".opblock-summary-control").click()
        readiness.get_by_role("button", name="Try it out").click()
        readiness.get_by_role("button", name="Execute").click()
        readiness.locator(".live-responses-table .response-col_status", has_text="200").wait_for()

    assert first_words.startswith("How to sign in.")
    assert first_call == "/v1/accounts/{account}/sign-ins"
    assert answer
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(service.url).netloc}
    assert complaints == []
