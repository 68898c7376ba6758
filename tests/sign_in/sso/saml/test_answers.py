"""What an identity provider's answer must contain, and each way in which it can be wrong."""

from datetime import timedelta

import pytest

from app.sign_in.sso.saml.messages.answers import Assertion, read_answer
from app.sign_in.sso.saml.messages.refused import SamlRefused
from tests.sign_in.sso.saml.reading import NOW, US, expected, read, refused
from tests.support.programs.saml import EMAIL_FORMAT, LyingProvider, attribute, audiences, encoded


def test_an_honest_answer_says_who_it_is(provider: LyingProvider) -> None:
    assert read(provider.honest()) == Assertion(
        "_assertion", "somebody-1", "somebody@example.com", "Some Body", NOW + timedelta(seconds=360)
    )


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
def test_the_e_mail_address_is_found_where_identity_providers_put_it(
    provider: LyingProvider, says: dict[str, str], email: str
) -> None:
    assert read(provider.honest(**says)).email == email


def test_a_transient_name_id_is_not_kept(provider: LyingProvider) -> None:
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

    assert read(provider.honest(name_format=transient)).name_id is None


def test_the_name_may_be_missing(provider: LyingProvider) -> None:
    assert read(provider.honest(attributes=attribute("email", "a@example.com"))).name is None


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
        ({"attributes": attribute("email", "a@example.com\u202e")}, "control characters"),
        ({"name_id": ""}, "empty"),
        ({"name_id": "a\nb"}, "control characters"),
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
def test_a_response_with_a_wrong_value_is_refused(
    provider: LyingProvider, says: dict[str, str], reason: str
) -> None:
    refused(provider.response(provider.sign(provider.assertion()), **says), reason)


def test_an_answer_is_valid_from_a_minute_before_to_a_minute_after(provider: LyingProvider) -> None:
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
def test_a_document_that_is_no_response_is_refused(document: bytes) -> None:
    refused(document, "XML|SAML")


def test_invalid_base64_is_refused() -> None:
    for text in ("!", "ä", "PGE+PC9hPg"):
        with pytest.raises(SamlRefused, match="base64"):
            read_answer(text, expected(), NOW)


def test_base64_may_be_broken_into_lines(provider: LyingProvider) -> None:
    text = encoded(provider.honest())
    lines = "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76))

    assert read_answer(lines, expected(), NOW).id == "_assertion"
