"""A SAML identity provider that signs any assertion, so that tests can see it refused."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

ENTITY_ID = "https://idp.example.com/metadata"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
NAMES = {
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}

_ASSERTION = """<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0"
 IssueInstant="{now}">
<saml:Issuer>{issuer}</saml:Issuer>
<saml:Subject><saml:NameID Format="{name_format}">{name_id}</saml:NameID>
<saml:SubjectConfirmation Method="{method}"><saml:SubjectConfirmationData InResponseTo="{in_response_to}"
 Recipient="{recipient}" {until}/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{not_before}"
 NotOnOrAfter="{conditions_until}">{audiences}{more_conditions}</saml:Conditions>
{statement}
<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"""
_RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_response" Version="2.0"
 IssueInstant="{now}" InResponseTo="{in_response_to}" Destination="{destination}"><saml:Issuer
 xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{issuer}</saml:Issuer><samlp:Status><samlp:StatusCode
 Value="{status}"/></samlp:Status></samlp:Response>"""
_AUTHENTICATED = (
    '<saml:AuthnStatement AuthnInstant="2026-01-01T00:00:00Z"><saml:AuthnContext><saml:AuthnContextClassRef>'
    "urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
)


@dataclass(frozen=True)
class SigningKey:
    """A private key, and its certificate, which an admin configures."""

    private: Any
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


@cache
def signing_key(name: str, *, elliptic: bool = False) -> SigningKey:
    """Return the key of this name, generated once per process."""
    private: Any = (
        ec.generate_private_key(ec.SECP256R1())
        if elliptic
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    return certified(private, name, hashes.SHA256())


def certified(private: Any, name: str, algorithm: hashes.SHA256 | None) -> SigningKey:
    """Return the private key with a self-signed certificate that expired long ago."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(long_ago)
        .not_valid_after(long_ago + timedelta(days=365))
    )
    return SigningKey(private, builder.sign(private, algorithm))


class _Signer(XMLSigner):
    def check_deprecated_methods(self) -> None:
        """Allow signing with SHA-1."""


@dataclass
class LyingProvider:
    """Makes honest and dishonest answers; `says` replaces values of an honest answer."""

    acs_url: str
    audience: str
    request_id: str
    now: datetime
    key: SigningKey = field(default_factory=lambda: signing_key("idp"))

    def assertion(self, **says: Any) -> Any:
        """Return an unsigned assertion."""
        values = {
            "id": "_assertion",
            "now": self._time(0),
            "issuer": ENTITY_ID,
            "name_format": PERSISTENT,
            "name_id": "somebody-1",
            "method": "urn:oasis:names:tc:SAML:2.0:cm:bearer",
            "in_response_to": self.request_id,
            "recipient": self.acs_url,
            "until": f'NotOnOrAfter="{self._time(300)}"',
            "not_before": self._time(0),
            "conditions_until": self._time(300),
            "audiences": audiences([self.audience]),
            "more_conditions": "",
            "statement": _AUTHENTICATED,
            "attributes": attribute("email", "somebody@example.com") + attribute("name", "Some Body"),
        } | says
        return etree.fromstring(_ASSERTION.format(**values))

    def response(self, *assertions: Any, **says: str) -> Any:
        """Return an unsigned response with these assertions."""
        values = {
            "now": self._time(0),
            "issuer": ENTITY_ID,
            "in_response_to": self.request_id,
            "destination": self.acs_url,
            "status": "urn:oasis:names:tc:SAML:2.0:status:Success",
        } | says
        response = etree.fromstring(_RESPONSE.format(**values))
        response.extend(assertions)
        return response

    def sign(self, element: Any, key: SigningKey | None = None, **algorithms: Any) -> Any:
        """Return the element signed, with the signature after the issuer as the schema requires."""
        key = key or self.key
        elliptic = isinstance(key.private, ec.EllipticCurvePrivateKey)
        options = {
            "signature_algorithm": SignatureMethod.ECDSA_SHA256 if elliptic else SignatureMethod.RSA_SHA256,
            "digest_algorithm": DigestAlgorithm.SHA256,
            "c14n_algorithm": CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        } | algorithms
        signer = _Signer(method=SignatureConstructionMethod.enveloped, **options)
        signed = signer.sign(element, key=key.private, cert=[key.certificate], reference_uri=element.get("ID"))
        signed.insert(1, signed.find("ds:Signature", NAMES))
        return signed

    def honest(self, **says: Any) -> Any:
        """Return a response with one signed assertion."""
        return self.response(self.sign(self.assertion(**says)))

    def _time(self, seconds: float) -> str:
        return (self.now + timedelta(seconds=seconds)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def attribute(name: str, *values: str) -> str:
    inside = "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
    return f'<saml:Attribute Name="{name}">{inside}</saml:Attribute>'


def audiences(*restrictions: list[str]) -> str:
    return "".join(
        "<saml:AudienceRestriction>"
        + "".join(f"<saml:Audience>{audience}</saml:Audience>" for audience in restriction)
        + "</saml:AudienceRestriction>"
        for restriction in restrictions
    )


def encoded(document: Any) -> str:
    """Return a document in the form's base64 encoding."""
    content = document if isinstance(document, bytes) else etree.tostring(document)
    return base64.b64encode(content).decode()
