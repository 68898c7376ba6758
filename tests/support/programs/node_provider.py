"""npm's certified `oidc-provider` in a process of its own, and signing in there."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

_FOLDER = "tests/sign_in/sso/oidc_provider"
_PATH = Path(__file__).parents[3] / _FOLDER
_LEAST_NODE = 20
_MOST_STEPS = 12
_ACTION = re.compile(r'<form[^>]* action="([^"]+)"')


class NodeProvider:
    """A client of the running provider."""

    def __init__(self, url: str) -> None:
        self.url = url

    def register(self, redirect_uri: str, **metadata: Any) -> dict[str, Any]:
        """Register a client (OpenID Connect Dynamic Client Registration); return its settings in Passgate."""
        asked = {"redirect_uris": [redirect_uri]} | metadata
        made = httpx.post(f"{self.url}/reg", json=asked, trust_env=False).raise_for_status().json()
        return {
            "type": "oidc",
            "issuer": self.url,
            "client_id": made["client_id"],
            "client_secret": made["client_secret"],
        }

    def log_in(self, address: str, person: str) -> str:
        """Log a person in and consent, as a browser would; return the URL that the browser is sent back to."""
        with httpx.Client(trust_env=False) as http:
            for _ in range(_MOST_STEPS):
                response = http.get(address)
                if response.is_success:  # a page that asks for the person's name, or for consent
                    [action] = _ACTION.findall(response.text)
                    prompt = "login" if 'name="login"' in response.text else "consent"
                    response = http.post(action, data={"prompt": prompt, "login": person, "password": "any"})
                assert response.is_redirect, response.text
                address = urljoin(address, response.headers["location"])
                if not address.startswith(self.url):
                    return address
        raise AssertionError(address)


def _node_version() -> int:
    """Return the major version of the installed Node.js."""
    shown = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(shown.removeprefix("v").partition(".")[0])


@contextmanager
def node_provider(*arguments: str) -> Iterator[NodeProvider]:
    """Yield the running provider; skip the test without a recent Node.js or without the package."""
    if not shutil.which("node") or _node_version() < _LEAST_NODE:
        pytest.skip(f"oidc-provider needs Node.js {_LEAST_NODE} or later")
    if not (_PATH / "node_modules").exists():
        pytest.skip(f"oidc-provider is not installed: npm ci --prefix {_FOLDER}")
    process = subprocess.Popen(
        ["node", "provider.mjs", *arguments],
        cwd=_PATH,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # warns that it is set up for development
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, f"the provider ended with {process.wait()}"
        yield NodeProvider(url)
    finally:
        process.kill()
        process.communicate()
