"""The README's tour, word for word, against the service that its first command starts."""

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from tests.support.serving import serving

README = Path(__file__).parent.parent / "README.md"


def tour() -> str:
    """Return the code of the tour as it stands in the README."""
    section = README.read_text().split("## A tour")[1].split("\n## ")[0]
    [code] = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return str(code)


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="apt-get install oathtool")
@pytest.mark.skipif(shutil.which("curl") is None, reason="apt-get install curl")
def test_the_tour_says_what_happens(tmp_path: Path) -> None:
    expected = re.findall(r"# (complete|passcode_\w+)$", tour(), re.MULTILINE)
    assert len(expected) == 8

    with serving(tmp_path / "data") as service:
        script = tour().replace("the password that was printed", service.owner_password)
        script = script.replace("http://127.0.0.1:8000", service.url)
        seconds_left = 30 - time.time() % 30
        if seconds_left < 10:  # the tour sends one passcode twice: it must not turn into the next in between
            time.sleep(seconds_left)
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stdout.splitlines() if re.fullmatch(r"complete|passcode_\w+", line)]
    assert said == expected


def existing_login() -> str:
    """Return the ten lines that put Passgate behind an existing login."""
    section = README.read_text().split("## Behind an existing login")[1].split("\n## ")[0]
    [code] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return str(code)


def test_the_lines_for_an_existing_login_sign_in(tmp_path: Path) -> None:
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
        exec(code, names)  # noqa: S102 -- what the README tells everybody to run
        with names["passgate"]:
            asked = names["sign_in"]("owner@demo.example", None, lambda: app.at(time.time() + 30))
            device = asked["trusted_device"]["token"]
            known = names["sign_in"]("owner@demo.example", device, lambda: pytest.fail("a known device was asked"))

    assert (asked["status"], asked["session"]["amr"]) == ("complete", ["pwd", "otp"])
    assert (known["status"], known["session"]["assurance"]) == ("complete", "aal1")


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 300
