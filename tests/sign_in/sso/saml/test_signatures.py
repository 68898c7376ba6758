"""Which signatures of an answer are accepted, and which are not."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod

from app.sign_in.sso.saml.messages.answers import read_answer
from app.sign_in.sso.saml.messages.refused import SamlRefused
from tests.sign_in.sso.saml.reading import NOW, expected, read, refused
from tests.sign_in.sso.saml.wrapping import WRAPPINGS, Parts
from tests.support.programs.saml import NAMES, LyingProvider, encoded, signing_key


def test_the_response_may_be_signed_as_well(provider: LyingProvider) -> None:
    assert read(provider.sign(provider.honest())).name_id == "somebody-1"


@pytest.mark.parametrize("method", ["RSA_SHA256", "RSA_SHA384", "RSA_SHA512", "SHA256_RSA_MGF1"])
@pytest.mark.parametrize("digest", ["SHA256", "SHA384", "SHA512"])
def test_sha_256_and_better_are_accepted(provider: LyingProvider, method: str, digest: str) -> None:
    signed = provider.sign(
        provider.assertion(),
        signature_algorithm=SignatureMethod[method],
        digest_algorithm=DigestAlgorithm[digest],
    )

    assert read(provider.response(signed)).id == "_assertion"


@pytest.mark.parametrize(
    "c14n",
    [method for method in CanonicalizationMethod if "1.1" not in method.value],
    ids=lambda method: method.name,
)
def test_each_canonicalization_method_is_accepted(provider: LyingProvider, c14n: CanonicalizationMethod) -> None:
    response = provider.response(provider.assertion())
    signed = provider.sign(response[-1], c14n_algorithm=c14n)

    assert read(provider.response(signed)).name == "Some Body"


def test_an_elliptic_curve_key_is_accepted(provider: LyingProvider) -> None:
    key = signing_key("elliptic", elliptic=True)
    document = provider.response(provider.sign(provider.assertion(), key))

    found = read_answer(encoded(document), replace(expected(), certificates=(key.certificate,)), NOW)

    assert found.name_id == "somebody-1"


def test_either_of_two_keys_is_accepted_during_a_key_change(provider: LyingProvider) -> None:
    for name in ("idp", "next"):
        document = provider.response(provider.sign(provider.assertion(), signing_key(name)))
        assert read_answer(encoded(document), expected("idp", "next"), NOW).id == "_assertion"


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_signature_wrapping_attack_is_refused(provider: LyingProvider, wrap: Callable[[Parts], Any]) -> None:
    refused(wrap(Parts(provider)), "assertion|signature")


def test_an_answer_not_signed_by_the_provider_is_refused(provider: LyingProvider) -> None:
    other = signing_key("other")
    unsigned = provider.response(provider.assertion())
    nobodys = "none of the identity provider's"

    refused(unsigned, "one signature")
    refused(provider.sign(unsigned), "one signature")
    refused(provider.response(provider.sign(provider.assertion(), other)), nobodys)
    for tampered in ("saml:Subject/saml:NameID", "saml:AttributeStatement/saml:Attribute/saml:AttributeValue"):
        document = provider.honest()
        document.find(f"saml:Assertion/{tampered}", NAMES).text = "admin@example.com"
        refused(document, nobodys)


def test_the_certificate_in_the_answer_is_not_trusted(provider: LyingProvider) -> None:
    forged = provider.response(provider.sign(provider.assertion(), signing_key("other")))
    honest = provider.honest()
    path = "saml:Assertion/ds:Signature/ds:KeyInfo/ds:X509Data/ds:X509Certificate"
    ours, theirs = honest.find(path, NAMES), forged.find(path, NAMES)
    ours.text, theirs.text = theirs.text, ours.text

    refused(forged, "none of the identity provider's")
    assert read(honest).id == "_assertion"


@pytest.mark.parametrize(
    "weak",
    [{"signature_algorithm": SignatureMethod.RSA_SHA1}, {"digest_algorithm": DigestAlgorithm.SHA1}],
    ids=["signature", "digest"],
)
def test_sha_1_is_refused(provider: LyingProvider, weak: dict[str, Any]) -> None:
    refused(provider.response(provider.sign(provider.assertion(), **weak)), "none of the identity provider's")


def test_an_hmac_made_with_the_public_key_is_refused(provider: LyingProvider) -> None:
    document = provider.honest()
    method = document.find("saml:Assertion/ds:Signature/ds:SignedInfo/ds:SignatureMethod", NAMES)
    method.set("Algorithm", SignatureMethod.HMAC_SHA256.value)

    refused(document, "none of the identity provider's")


def test_more_than_one_assertion_or_an_encrypted_one_is_refused(provider: LyingProvider) -> None:
    two = [provider.sign(provider.assertion(id=f"_{number}")) for number in (1, 2)]
    encrypted = etree.Element("{urn:oasis:names:tc:SAML:2.0:assertion}EncryptedAssertion")

    refused(provider.response(*two), "one assertion")
    refused(provider.response(), "one assertion")
    refused(provider.response(encrypted), "encrypted")
    refused(provider.response(provider.sign(provider.assertion()), encrypted), "encrypted")


@pytest.mark.parametrize(
    "trick",
    [
        b"admin@example.com<!-- -->.evil.example",
        b"admin@example.com<?pi?>.evil.example",
        b"admin@example.com<b/>.evil.example",
    ],
)
@pytest.mark.parametrize("place", [b"somebody-1", b"somebody@example.com"])
def test_text_that_xml_readers_would_split_differently_is_refused(
    provider: LyingProvider, trick: bytes, place: bytes
) -> None:
    tricked = etree.tostring(provider.assertion()).replace(place, trick)
    document = provider.response(provider.sign(etree.fromstring(tricked)))

    refused(document, "comment|elements")


@pytest.mark.parametrize(
    "declared",
    [
        b'<!DOCTYPE r [<!ENTITY e "admin@example.com">]>',
        b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/dtd">',
        b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY e "&b;&b;&b;&b;">]>',
        b"<!DOCTYPE r>",
    ],
)
def test_a_dtd_is_refused(provider: LyingProvider, declared: bytes) -> None:
    content = etree.tostring(provider.honest())

    refused(declared + content, "a DTD")
    if b"ENTITY e" in declared:
        refused(declared + content.replace(b"somebody-1", b"&e;"), "a DTD|XML")


def test_a_damaged_answer_is_refused_or_read_unchanged(provider: LyingProvider) -> None:
    content, random = etree.tostring(provider.honest()), Random(5)
    for _ in range(150):
        start = random.randrange(len(content))
        damaged = content[:start] + random.choice([b"", b"<", b'"', b"#", b"A", b"\x80"]) + content[start + 1 :]
        try:
            found = read(damaged)
        except SamlRefused:
            continue
        assert found == read(content)
