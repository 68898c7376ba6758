"""Runs the code of docs/integrating.md that puts Passgate behind an existing login."""

import re
import time
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from tests.support.programs.serving import serving

PAGE = Path(__file__).parent.parent / "docs" / "integrating.md"


def existing_login() -> str:
    """Return the ten lines that put Passgate behind an existing login."""
    section = PAGE.read_text().split("## Behind an existing login")[1].split("\n## ")[0]
    [code] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return str(code)


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

        code = existing_login().replace("https://auth.example.com/v1/accounts/shop", account)
        code = code.replace("owner@shop.example", "owner@demo.example").replace("pgt_...", token)
        names: dict[str, Any] = {}
        exec(code, names)  # noqa: S102 -- the code of our own page
        with names["passgate"]:
            asked = names["sign_in"]("owner@demo.example", None, lambda: app.at(time.time() + 30))
            device = asked["trusted_device"]["token"]
            known = names["sign_in"]("owner@demo.example", device, lambda: pytest.fail("a known device was asked"))

    assert (asked["status"], asked["session"]["amr"]) == ("complete", ["pwd", "otp"])
    assert (known["status"], known["session"]["assurance"]) == ("complete", "aal1")
