"""The pages that links lead to, in a real browser."""

import re
import shutil
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from tests.support.mail import parse
from tests.support.serving import passgate, serving

CHROMIUM = shutil.which("chromium")
QUIET = "--disable-background-networking --disable-component-update --disable-sync --no-first-run --no-sandbox"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium")


def is_fault(message: ConsoleMessage) -> bool:
    """Whether the browser complains of the page: a broken policy, say; that a call was refused is no fault."""
    return message.type == "error" and "the server responded with a status of 4" not in message.text


def link_in(letters: Path) -> str:
    """Return the link of the only letter."""
    [path] = letters.glob("*.eml")
    body = parse(path.read_bytes()).get_body(("plain",))
    assert body is not None
    found = re.search(r"\S+#pgp_\S+", body.get_content())
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
    with sync_playwright() as playwright, serving(tmp_path / "data") as service:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if is_fault(message) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        invited = ("create-user", "demo", "--email", "eve@demo.example", "--name", "Eve", "--role", "agent")
        assert passgate(*invited, data_dir=tmp_path / "data").returncode == 0
        link = wait_for_letter(page, tmp_path / "data" / "letters").replace("http://127.0.0.1:8000", service.url)

        page.goto(link)
        assert "pgp_" not in page.url  # the secret left the address bar
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
        browser.close()
    assert complaints == []
