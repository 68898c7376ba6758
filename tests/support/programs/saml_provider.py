"""The running pysaml2 identity provider, and signing in there."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from tests.support.programs.saml import encoded, signing_key

_PATIENCE_SECONDS = 30


class RealProvider:
    """A client of the running identity provider."""

    def __init__(self, url: str, certificate: str) -> None:
        self.url = url
        self.entity_id = f"{url}/idp"
        self.sso_url = f"{url}/sso"
        self.certificate = certificate
        self._http = httpx.Client(trust_env=False)

    def know(self, metadata: bytes) -> None:
        """Register a service provider by its metadata."""
        self._http.put(f"{self.url}/metadata", content=metadata).raise_for_status()

    def sign_in(self, login_url: str, email: str, **how: str) -> tuple[str, str]:
        """Sign a user in there; return the URL that the form is posted to, and the `SAMLResponse`."""
        answer = self._http.get(httpx.URL(login_url).copy_merge_params({"user": email} | how))
        found = answer.raise_for_status().json()
        return found["acs"], encoded(found["response"].encode())

    def close(self) -> None:
        self._http.close()


@contextmanager
def real_provider(directory: Path) -> Iterator[RealProvider]:
    """Yield the provider in its own process; skip the test if `xmlsec1` is not installed."""
    if not shutil.which("xmlsec1"):
        pytest.skip("pysaml2 signs by the program xmlsec1: apt-get install xmlsec1")
    key = signing_key("pysaml2")
    (directory / "key.pem").write_bytes(
        key.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (directory / "certificate.pem").write_text(key.pem)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.support.programs.saml_idp", str(directory)]
    )
    try:
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while not (directory / "url").exists():
            assert process.poll() is None, "the identity provider ended"
            assert time.monotonic() < give_up_at, "the identity provider did not start"
            time.sleep(0.05)
        provider = RealProvider((directory / "url").read_text(), key.pem)
        yield provider
        provider.close()
    finally:
        process.kill()
        process.wait()
