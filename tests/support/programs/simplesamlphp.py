"""Debian's SimpleSAMLphp as an identity provider in a process of its own, and signing in there."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from lxml import html

from tests.support.programs.saml import signing_key
from tests.support.programs.serving import free_port

CONFIGURATION = Path(__file__).parents[2] / "sign_in" / "sso" / "simplesamlphp"
_INSTALLED = Path("/usr/share/simplesamlphp/www")
_PATIENCE_SECONDS = 20
_MOST_STEPS = 8


class SimpleSamlPhp:
    """A client of the running identity provider."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self._directory = directory

    @property
    def settings(self) -> dict[str, Any]:
        """What an admin configures of the provider in Passgate."""
        return {
            "idp_entity_id": f"{self.url}/saml2/idp/metadata.php",
            "idp_sso_url": f"{self.url}/saml2/idp/SSOService.php",
            "idp_certificates": [signing_key("simplesamlphp").pem],
        }

    def know(self, metadata: bytes) -> None:
        """Give it the service provider's metadata."""
        (self._directory / "passgate.xml").write_bytes(metadata)

    def log_in(self, address: str, person: str) -> tuple[str, str]:
        """Log a person in as a browser would; return where the form is posted, and its `SAMLResponse`."""
        with httpx.Client(trust_env=False) as http:
            response = http.get(address)
            for _ in range(_MOST_STEPS):
                if response.is_redirect:
                    response = http.get(urljoin(str(response.url), response.headers["location"]))
                    continue
                assert response.is_success, response.text
                form = html.fromstring(response.content).forms[-1]
                fields = dict(form.form_values())
                if "SAMLResponse" in fields:
                    return form.action, fields["SAMLResponse"]
                action = urljoin(str(response.url), form.action)
                response = http.post(action, data=fields | {"username": person, "password": "a password"})
        raise AssertionError(response.text)


def _is_installed() -> bool:
    has_xml = ["php", "-r", 'exit(extension_loaded("dom") ? 0 : 1);']
    return (
        bool(shutil.which("php")) and _INSTALLED.exists() and subprocess.run(has_xml, check=False).returncode == 0
    )


@contextmanager
def simplesamlphp(directory: Path, *, name_id: str = "") -> Iterator[SimpleSamlPhp]:
    """Yield the provider; skip the test if it is not installed.

    `name_id`: the attribute of which it makes a persistent NameID. Without one it sends transient ones.
    """
    if not _is_installed():
        pytest.skip("Debian's packages php-cli, php-xml and simplesamlphp are not installed")
    key = signing_key("simplesamlphp")
    (directory / "certificate.pem").write_text(key.pem)
    (directory / "key.pem").write_bytes(
        key.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "SIMPLESAMLPHP_CONFIG_DIR": str(CONFIGURATION),
        "PROVIDER_DIR": str(directory),
        "PROVIDER_URL": url,
        "PROVIDER_NAME_ID": name_id,
    }
    with (directory / "output").open("w") as output:
        process = subprocess.Popen(
            ["php", "-S", f"127.0.0.1:{port}", "-t", str(_INSTALLED)],
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            _wait_for(url, process)
            yield SimpleSamlPhp(url, directory)
        finally:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        assert process.poll() is None, "SimpleSAMLphp ended"
        try:
            httpx.get(f"{url}/resources/default.css", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("SimpleSAMLphp did not start")
