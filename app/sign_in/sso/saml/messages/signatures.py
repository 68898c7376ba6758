"""XML signatures. The only module that uses lxml and signxml (the extra `passgate[saml]`)."""

from collections.abc import Sequence
from typing import Any

from cryptography import x509

from app.sign_in.sso.saml.messages.refused import SamlRefused

try:
    from lxml import etree
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.exceptions import SignXMLException
    from signxml.verifier import SignatureConfiguration, XMLVerifier
except ModuleNotFoundError:
    INSTALLED = False
else:
    INSTALLED = True

NOT_INSTALLED = "This installation reads no SAML: it is the extra passgate[saml]."

Element = Any  # lxml's, which has no types

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_METHODS = (
    *(f"{key}_SHA{bits}" for key in ("RSA", "ECDSA") for bits in (256, 384, 512)),
    *(f"SHA{bits}_RSA_MGF1" for bits in (256, 384, 512)),
)
_DIGESTS = ("SHA256", "SHA384", "SHA512")


def parse(document: bytes) -> Element:
    """Parse the document and return its root.

    Raises `SamlRefused` for malformed XML, and for a DTD, an entity, a comment or a processing instruction: no
    identity provider sends them, and parsers disagree about the text around them.
    """
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except (etree.LxmlError, ValueError):
        raise SamlRefused("no well-formed XML") from None
    if root.getroottree().docinfo.doctype:
        raise SamlRefused("a DTD")
    if any(not isinstance(node.tag, str) for node in root.iter()):
        raise SamlRefused("a comment, an entity or a processing instruction")
    return root


def signed_by(element: Element, certificates: Sequence[x509.Certificate]) -> Element:
    """Verify the signature in `element`; returns the element parsed again from the signed bytes.

    Raises `SamlRefused` unless there is exactly one signature, a child of the element, over the whole element, by
    the key of one of the certificates, with SHA-256 or better. The dates of a certificate do not count: an admin
    trusts its key (SAML Metadata Interoperability Profile 2.6.1).
    """
    found = list(element.iter(f"{_DS}Signature"))
    if len(found) != 1 or found[0].getparent() is not element:
        raise SamlRefused("not exactly one signature in the assertion")
    for key_info in found[0].findall(f"{_DS}KeyInfo"):
        found[0].remove(key_info)  # untrusted: the sender's choice of key
    document = etree.tostring(element, with_tail=False)
    for certificate in certificates:
        signed = _signed_part(document, certificate)
        if signed is not None:
            if (signed.tag, signed.get("ID")) != (element.tag, element.get("ID")):
                raise SamlRefused("the signature covers something else")
            return signed
    raise SamlRefused("the signature is none of the identity provider's")


def _signed_part(document: bytes, certificate: x509.Certificate) -> Element | None:
    expected = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset(SignatureMethod[name] for name in _METHODS),
        digest_algorithms=frozenset(DigestAlgorithm[name] for name in _DIGESTS),
        verification_time=certificate.not_valid_before_utc,
    )
    try:
        verified: Any = XMLVerifier().verify(document, x509_cert=certificate, expect_config=expected)
    except (SignXMLException, etree.LxmlError, ValueError, TypeError):  # raised for malformed signatures
        return None
    return verified.signed_xml
