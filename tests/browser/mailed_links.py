"""Links in letters of a running service, which an owner has sent to users."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page

from tests.support.account.client import ok
from tests.support.programs.mail import parse
from tests.support.programs.serving import Serving, serving

FRONT_END = "https://{account}.app.example/sign-in"
LINK = re.compile(r"http://127\.0\.0\.1:[0-9]+(/links/\S+#pg[pr]_\S+)")
PASSWORD = "a long enough password"


class MailedLinks:
    """Makes the service send links, and reads them from the letters."""

    def __init__(self, service: Serving, letters: Path) -> None:
        self.service = service
        self._letters = letters
        self.api = httpx.Client(base_url=f"{service.url}/v1/accounts/demo", timeout=30)
        body = {"email": "owner@demo.example", "password": service.owner_password}
        token = ok(self.api.post("/sign-ins", json=body), 201)["session"]["token"]
        self._owner = {"Authorization": f"Bearer {token}"}
        self._number = 0

    def invite(self, *, locale: str = "en", name: str = "Eve O'Neil") -> tuple[dict[str, Any], str]:
        """Return a new user, and the link of the invitation."""
        self._number += 1
        body = {"email": f"eve{self._number}@demo.example", "name": name, "role": "agent", "locale": locale}
        user = ok(self.api.post("/users", json=body, headers=self._owner), 201)
        return user, self.link_to(user["email"])

    def password_link(self, user: dict[str, Any]) -> str:
        """Return the link to a new password of the user."""
        ok(self.api.post("/password-links", json={"email": user["email"]}), 202)
        return self.link_to(user["email"])

    def change_address(self, user: dict[str, Any]) -> tuple[str, str]:
        """Return the links that confirm and that stop a change of the user's address."""
        new = user["email"].replace("eve", "new")
        ok(self.api.patch(f"/users/{user['id']}", json={"email": new}, headers=self._owner))
        return self.link_to(new), self.link_to(user["email"])

    def report(self) -> str:
        """Return the link to a report of the owner."""
        ok(self.api.post("/reports", json={"type": "two_factor_status"}, headers=self._owner), 202)
        return self.link_to("owner@demo.example")

    def link_to(self, email: str) -> str:
        """Wait for the letter to this address, remove it, and return its link."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for path in self._letters.glob("*.eml"):
                letter = parse(path.read_bytes())
                body = letter.get_body(("plain",))
                if email in str(letter["To"]) and body and (found := LINK.search(body.get_content())):
                    path.unlink()
                    return self.service.url + found[1]
            time.sleep(0.05)
        raise AssertionError(f"no letter with a link came to {email}")


@contextmanager
def mailed_links(directory: Path) -> Iterator[MailedLinks]:
    """Yield the links of a new service."""
    with serving(directory / "data", PASSGATE_FRONT_END_URL=FRONT_END) as service:
        links = MailedLinks(service, directory / "data" / "letters")
        yield links
        links.api.close()


def is_focused(page: Page, selector: str) -> bool:
    """Whether the element with the focus matches the selector."""
    return bool(page.evaluate("selector => document.activeElement.matches(selector)", selector))


def wait_for(page: Page, role: str, text: str) -> None:
    """Wait for the message, which must be the only one."""
    page.locator(f"#{role}", has_text=text).wait_for()
    assert page.locator("#status:not(:empty), #alert:not(:empty)").count() == 1
