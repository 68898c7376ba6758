"""What an identity provider's answer must prove, and each way in which it does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod

from app.saml.answers import Assertion, Expected, read_answer
from app.saml.refused import SamlRefused
from app.saml.service_provider import ServiceProvider
from tests.saml.wrapping import WRAPPINGS, Parts
from tests.support.saml import (
    EMAIL_FORMAT,
    ENTITY_ID,
    NAMES,
    LyingProvider,
    attribute,
    audiences,
    encoded,
    signing_key,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
US = ServiceProvider("https://passgate.example.com/sso/corp/metadata", "https://passgate.example.com/sso/corp/acs")
REQUEST = "_request"


@pytest.fixture
def provider() -> LyingProvider:
    return LyingProvider(US.acs_url, US.entity_id, REQUEST, NOW)


def expected(*names: str) -> Expected:
    certificates = tuple(signing_key(name).certificate for name in names or ("idp",))
    return Expected(ENTITY_ID, certificates, US, REQUEST)


def read(document: Any, **at: float) -> Assertion:
    return read_answer(encoded(document), expected(), NOW + timedelta(**at))


def refused(document: Any, reason: str, **at: float) -> None:
    with pytest.raises(SamlRefused, match=reason):
        read(document, **at)


def test_an_honest_answer_says_who_it_is(provider: LyingProvider) -> None:
    assert read(provider.honest()) == Assertion(
        "_assertion", "somebody-1", "somebody@example.com", "Some Body", NOW + timedelta(seconds=360)
    )


def test_the_response_may_be_signed_as_well(provider: LyingProvider) -> None:
    assert read(provider.sign(provider.honest())).name_id == "somebody-1"


@pytest.mark.parametrize("method", ["RSA_SHA256", "RSA_SHA384", "RSA_SHA512", "SHA256_RSA_MGF1"])
@pytest.mark.parametrize("digest", ["SHA256", "SHA384", "SHA512"])
def test_sha_256_and_better_are_taken(provider: LyingProvider, method: str, digest: str) -> None:
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
def test_each_way_to_canonicalize_is_understood(provider: LyingProvider, c14n: CanonicalizationMethod) -> None:
    response = provider.response(provider.assertion())
    signed = provider.sign(response[-1], c14n_algorithm=c14n)

    assert read(provider.response(signed)).name == "Some Body"


def test_a_key_on_an_elliptic_curve_signs(provider: LyingProvider) -> None:
    key = signing_key("elliptic", elliptic=True)
    document = provider.response(provider.sign(provider.assertion(), key))

    found = read_answer(encoded(document), replace(expected(), certificates=(key.certificate,)), NOW)

    assert found.name_id == "somebody-1"


def test_either_of_two_keys_signs_while_they_are_changed(provider: LyingProvider) -> None:
    for name in ("idp", "next"):
        document = provider.response(provider.sign(provider.assertion(), signing_key(name)))
        assert read_answer(encoded(document), expected("idp", "next"), NOW).id == "_assertion"


@pytest.mark.parametrize(
    ("says", "email"),
    [
        ({"name_format": EMAIL_FORMAT, "name_id": "a@example.com", "attributes": ""}, "a@example.com"),
        ({"attributes": attribute("mail", "b@example.com")}, "b@example.com"),
        ({"attributes": attribute("urn:oid:0.9.2342.19200300.100.1.3", " c@example.com\n")}, "c@example.com"),
        (
            {
                "attributes": attribute(
                    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "d@example.com"
                )
            },
            "d@example.com",
        ),
        ({"attributes": attribute("email", "e@example.com", "other@example.com")}, "e@example.com"),
        (
            {"attributes": attribute("email", "f@example.com") + attribute("email", "other@example.com")},
            "f@example.com",
        ),
    ],
)
def test_the_address_is_where_identity_providers_put_it(
    provider: LyingProvider, says: dict[str, str], email: str
) -> None:
    assert read(provider.honest(**says)).email == email


def test_a_transient_name_names_nobody_next_time(provider: LyingProvider) -> None:
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

    assert read(provider.honest(name_format=transient)).name_id is None


def test_the_name_may_be_missing(provider: LyingProvider) -> None:
    assert read(provider.honest(attributes=attribute("email", "a@example.com"))).name is None


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_wrapped_assertion_gains_nothing(provider: LyingProvider, wrap: Callable[[Parts], Any]) -> None:
    refused(wrap(Parts(provider)), "assertion|signature")


def test_what_is_not_signed_by_the_provider_is_refused(provider: LyingProvider) -> None:
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


def test_the_certificate_in_the_answer_is_not_believed(provider: LyingProvider) -> None:
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


def test_the_public_key_is_no_secret_to_sign_with(provider: LyingProvider) -> None:
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
def test_a_text_that_readers_would_cut_differently_is_refused(
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


OTHER = "https://other.example.com/acs"
CONFIRMATION = "no confirmation"


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"issuer": OTHER}, "issuer"),
        ({"audiences": audiences([OTHER])}, "audience"),
        ({"audiences": audiences([US.entity_id + "/"])}, "audience"),
        ({"audiences": audiences([US.entity_id], [OTHER])}, "audience"),
        ({"audiences": ""}, "audience"),
        ({"recipient": OTHER}, CONFIRMATION),
        ({"recipient": US.acs_url + "/more"}, CONFIRMATION),
        ({"recipient": US.acs_url.removesuffix("s")}, CONFIRMATION),
        ({"in_response_to": "_another"}, CONFIRMATION),
        ({"in_response_to": ""}, CONFIRMATION),
        ({"method": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"}, CONFIRMATION),
        ({"until": ""}, CONFIRMATION),
        ({"until": 'NotOnOrAfter="2026-11-24T12:05:00"'}, "time zone"),
        ({"until": 'NotOnOrAfter="soon"'}, "no time"),
        ({"until": 'NotOnOrAfter="2026-11-24T12:05:00Z" NotBefore="2026-11-24T12:02:00Z"'}, CONFIRMATION),
        ({"until": 'NotOnOrAfter="2026-11-24T11:59:00Z"'}, CONFIRMATION),
        ({"conditions_until": "2026-11-24T11:59:00Z"}, "conditions"),
        ({"not_before": "2026-11-24T12:01:01Z"}, "conditions"),
        ({"more_conditions": "<saml:Condition/>"}, "not understood"),
        ({"statement": ""}, "authenticated"),
        (
            {"statement": '<saml:AuthnStatement SessionNotOnOrAfter="2026-11-24T11:59:00Z"/>'},
            "session",
        ),
        ({"attributes": ""}, "e-mail"),
        ({"attributes": attribute("email", "")}, "empty"),
        ({"attributes": attribute("email", "a" * 256)}, "too long"),
        ({"attributes": attribute("email", "a@example.com\u202e")}, "printable"),
        ({"name_id": ""}, "empty"),
        ({"name_id": "a\nb"}, "printable"),
    ],
)
def test_an_assertion_for_somebody_else_or_another_time_is_refused(
    provider: LyingProvider, says: dict[str, str], reason: str
) -> None:
    refused(provider.honest(**says), reason)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"issuer": OTHER}, "issuer"),
        ({"destination": OTHER}, "destination"),
        ({"destination": ""}, "destination"),
        ({"in_response_to": "_another"}, "another request"),
        ({"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"}, "no success"),
    ],
)
def test_a_response_that_says_otherwise_is_refused(
    provider: LyingProvider, says: dict[str, str], reason: str
) -> None:
    refused(provider.response(provider.sign(provider.assertion()), **says), reason)


def test_it_is_good_from_a_minute_before_to_a_minute_after(provider: LyingProvider) -> None:
    document = provider.honest()

    refused(document, "conditions", seconds=-61)
    for seconds in (-60, 0, 359.9):
        assert read(document, seconds=seconds).id == "_assertion"
    refused(document, "conditions", seconds=360)


def test_no_answer_is_remembered_for_longer_than_it_can_be_used(provider: LyingProvider) -> None:
    document = provider.honest(
        until='NotOnOrAfter="9999-12-31T23:59:59Z"', conditions_until="9999-12-31T23:59:59.9999999Z"
    )

    assert read(document).expires_at == NOW + timedelta(days=1, minutes=1)


@pytest.mark.parametrize("document", [b"", b"<", b"no XML", b"<a/>", b"\xff\xfe<\x00", b"<a>" * 10_000])
def test_what_is_no_response_is_refused(document: bytes) -> None:
    refused(document, "XML|SAML")


def test_what_is_no_base64_is_refused() -> None:
    for text in ("!", "ä", "PGE+PC9hPg"):
        with pytest.raises(SamlRefused, match="base64"):
            read_answer(text, expected(), NOW)


def test_base64_may_be_broken_into_lines(provider: LyingProvider) -> None:
    text = encoded(provider.honest())
    lines = "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76))

    assert read_answer(lines, expected(), NOW).id == "_assertion"


def test_a_damaged_answer_is_refused_and_nothing_worse(provider: LyingProvider) -> None:
    content, random = etree.tostring(provider.honest()), Random(5)
    for _ in range(150):
        start = random.randrange(len(content))
        damaged = content[:start] + random.choice([b"", b"<", b'"', b"#", b"A", b"\x80"]) + content[start + 1 :]
        try:
            found = read(damaged)
        except SamlRefused:
            continue
        assert found == read(content)
