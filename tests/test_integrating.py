"""Runs the Python code of docs/integrating.md against a running service."""

import re
import time
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from tests.support.programs.serving import serving

PAGE = Path(__file__).parent.parent / "docs" / "integrating.md"


def code_of(title: str) -> str:
    """Return the Python code of a section."""
    section = PAGE.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    [code] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return str(code)


class LosingTransport(httpx.HTTPTransport):
    """Loses the answer to the first request, after the service has sent it."""

    lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if self.lost == 0:
            self.lost += 1
            response.close()
            raise httpx.ReadError("the connection broke")
        return response


def test_the_code_for_lost_answers_gets_the_answer_and_does_nothing_twice(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--no-jobs") as service:
        account = f"{service.url}/v1/accounts/demo"
        with httpx.Client(base_url=account) as owner:
            password = {"email": "owner@demo.example", "password": service.owner_password}
            session = owner.post("/sign-ins", json=password).json()["session"]["token"]
        names: dict[str, Any] = {}
        exec(code_of("The sign-in flow"), names)  # noqa: S102 -- the code of our own page
        transport = LosingTransport()
        with httpx.Client(base_url=account, transport=transport) as owner:
            owner.headers["Authorization"] = f"Bearer {session}"
            wanted = {"description": "the shop", "scopes": ["users:read"]}
            answer = names["ask_once"](owner, "/api-tokens", wanted)
            tokens = owner.get("/api-tokens").json()["items"]

    assert transport.lost == 1
    assert answer.status_code == 201
    assert answer.json()["token"].startswith("pgt_")
    assert [token["id"] for token in tokens] == [answer.json()["id"]]


def test_the_code_for_an_existing_login_signs_in(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        account = f"{service.url}/v1/accounts/demo"
        with httpx.Client(base_url=account) as owner:
            password = {"email": "owner@demo.example", "password": service.owner_password}
            session = owner.post("/sign-ins", json=password).json()["session"]["token"]
            owner.headers["Authorization"] = f"Bearer {session}"
            wanted = {"description": "the shop", "scopes": ["sign_ins"]}
            token = owner.post("/api-tokens", json=wanted).raise_for_status().json()["token"]
            begun = owner.post("/users/me/two-factor/enrollments", json={"kind": "totp", "label": "Phone"}).json()
            app = pyotp.TOTP(begun["secret"])
            path = f"/users/me/two-factor/enrollments/{begun['id']}/confirmation"
            owner.post(path, json={"passcode": app.now()}).raise_for_status()

        code = code_of("Behind an existing login").replace("https://auth.example.com/v1/accounts/shop", account)
        code = code.replace("owner@shop.example", "owner@demo.example").replace("pgt_...", token)
        names: dict[str, Any] = {}
        exec(code, names)  # noqa: S102 -- the code of our own page
        with names["passgate"]:
            asked = names["sign_in"]("owner@demo.example", None, lambda: app.at(time.time() + 30))
            device = asked["trusted_device"]["token"]
            known = names["sign_in"]("owner@demo.example", device, lambda: pytest.fail("a known device was asked"))

    assert (asked["status"], asked["session"]["amr"]) == ("complete", ["pwd", "otp"])
    assert (known["status"], known["session"]["assurance"]) == ("complete", "aal1")
