"""The pages behind e-mailed links, in a real browser."""

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from tests.support.programs.chromium import CHROMIUM, chromium, complaints_of
from tests.support.programs.mail import parse
from tests.support.programs.serving import passgate, serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium")


def link_in(letters: Path) -> str:
    """Return the link of the only e-mail."""
    [path] = letters.glob("*.eml")
    body = parse(path.read_bytes()).get_body(("plain",))
    assert body is not None
    found = re.search(r"\S+#pg[pr]_\S+", body.get_content())
    path.unlink()
    assert found
    return found[0]


def wait_for_letter(page: Page, letters: Path) -> str:
    for _ in range(200):
        if list(letters.glob("*.eml")):
            return link_in(letters)
        page.wait_for_timeout(100)
    raise AssertionError("no letter came")


def test_an_invited_user_sets_a_password_in_the_browser(tmp_path: Path) -> None:
    with chromium() as browser, serving(tmp_path / "data") as service:
        page = browser.new_page()
        complaints = complaints_of(page)
        invited = ("create-user", "demo", "--email", "eve@demo.example", "--name", "Eve", "--role", "agent")
        assert passgate(*invited, data_dir=tmp_path / "data").returncode == 0
        link = wait_for_letter(page, tmp_path / "data" / "letters").replace("http://127.0.0.1:8000", service.url)

        page.goto(link)
        assert "pgp_" not in page.url  # the page removes the secret from the address bar
        page.fill("#password", "password1")
        page.click("button")
        page.get_by_text("10,000 most used").wait_for()
        page.fill("#password", "a long enough password")
        page.click("button")
        page.get_by_text("Your password is set").wait_for()

        body = {"email": "eve@demo.example", "password": "a long enough password"}
        assert httpx.post(f"{service.url}/v1/accounts/demo/sign-ins", json=body).status_code == 201
        page.goto("about:blank")
        page.goto(link)
        page.fill("#password", "another long password")
        page.click("button")
        page.get_by_text("The link has ended").wait_for()
    assert complaints == []


def test_a_report_is_downloaded_in_the_browser(tmp_path: Path) -> None:
    with chromium() as browser, serving(tmp_path / "data") as service:
        letters = tmp_path / "data" / "letters"
        account = f"{service.url}/v1/accounts/demo"
        body = {"email": "owner@demo.example", "password": service.owner_password}
        session = httpx.post(f"{account}/sign-ins", json=body).json()["session"]
        headers = {"Authorization": f"Bearer {session['token']}"}
        httpx.post(f"{account}/reports", json={"type": "two_factor_status"}, headers=headers).raise_for_status()
        page = browser.new_page()
        complaints = complaints_of(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        link = wait_for_letter(page, letters).replace("http://127.0.0.1:8000", service.url)

        page.goto(link)
        assert "pgr_" not in page.url
        assert page.title() == "Download your report"
        for _ in range(2):  # repeatedly, by keyboard only
            page.get_by_role("button", name="Download the report").focus()
            with page.expect_download() as downloading:
                page.keyboard.press("Enter")
            saved = downloading.value
            assert re.fullmatch(r"two-factor-status-demo-[0-9-]{10}\.csv", saved.suggested_filename)
            content = Path(saved.path()).read_bytes()
            assert content.startswith(b"\xef\xbb\xbfuser_id,name,email,")
            assert b'"owner@demo.example"' in content
            page.get_by_role("status").filter(has_text="The report was downloaded.").wait_for()
            assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        assert not [url for url in asked if "pgr_" in url.partition("#")[0]]

        page.reload()
        page.get_by_role("status").filter(has_text="open the link from your e-mail again").wait_for()
        assert page.get_by_role("button").is_disabled()
        page.goto("about:blank")
        page.goto(link[:-4] + "AAAA")
        page.get_by_role("button").click()
        page.get_by_role("status").filter(has_text="The link has ended. Ask for a new report.").wait_for()
        assert "{" not in page.inner_text("body")
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    assert complaints == []
