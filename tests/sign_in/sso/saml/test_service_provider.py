"""What Passgate sends to an identity provider, and the certificates that it accepts."""

import base64
import zlib
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from lxml import etree

from app.sign_in.sso.saml.messages.certificates import read_certificate
from app.sign_in.sso.saml.messages.service_provider import ServiceProvider
from tests.support.programs.saml import PERSISTENT, certified, signing_key

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
US = ServiceProvider("https://passgate.example.com/sso/corp/metadata", "https://passgate.example.com/sso/corp/acs")


@pytest.mark.parametrize(
    "sso_url", ["https://idp.example.com/sso", "https://idp.example.com/sso?tenant=1&x=%22%3C"]
)
def test_the_login_url_carries_the_request(sso_url: str) -> None:
    url = US.login_url(sso_url, "_abc", NOW)

    assert url.startswith(sso_url)
    query = parse_qs(urlsplit(url).query)
    request = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), wbits=-15))
    assert request.get("ID") == "_abc"
    assert request.get("IssueInstant") == "2026-11-24T12:00:00Z"
    assert request.get("Destination") == sso_url
    assert request.get("AssertionConsumerServiceURL") == US.acs_url
    assert request.findtext("{*}Issuer") == US.entity_id


def test_the_metadata_asks_for_a_persistent_name_id_first() -> None:
    descriptor = etree.fromstring(US.metadata()).find("{*}SPSSODescriptor")

    formats = [element.text for element in descriptor.findall("{*}NameIDFormat")]

    assert formats[0] == PERSISTENT
    assert "transient" not in str(formats)


def test_a_certificate_is_read_in_pem_and_in_bare_base64() -> None:
    key = signing_key("idp")
    bare = "\n".join(key.pem.strip().split("\n")[1:-1])

    assert (
        read_certificate(key.pem)
        == read_certificate(f"\n{key.pem}\n")
        == read_certificate(bare)
        == key.certificate
    )
    assert read_certificate(signing_key("elliptic", elliptic=True).pem)


def test_a_weak_key_or_no_certificate_is_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 -- the test expects a refusal
    short = certified(weak, "short", hashes.SHA256())
    edwards = certified(ed25519.Ed25519PrivateKey.generate(), "edwards", None)
    private = signing_key("idp").private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for text in (
        "",
        "no certificate",
        "ä",
        "AAAA",
        short.pem,
        edwards.pem,
        private.decode(),
        "-----BEGIN CERTIFICATE-----",
    ):
        with pytest.raises(ValueError):  # noqa: PT011 -- any message
            read_certificate(text)
