"""Verify an identity provider's answer (SAML Profiles 4.1.4). Only the signed assertion counts."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from app.accounts.users.rules import asserted_name
from app.core.one_line import is_one_line
from app.sign_in.sso.saml.messages.refused import SamlRefused
from app.sign_in.sso.saml.messages.service_provider import ServiceProvider
from app.sign_in.sso.saml.messages.signatures import Element, parse, signed_by

SKEW = timedelta(seconds=60)
_LONGEST_TEXT = 255

_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_UNDERSTOOD = {f"{_SAML}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}

# The attribute's plain name, the OID of LDAP's attribute, and Microsoft's name.
_EMAIL_NAMES = (
    "email",
    "mail",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
_NAME_NAMES = (
    "name",
    "displayName",
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
)


@dataclass(frozen=True)
class Expected:
    """The expected issuer, its keys, the service provider and the request that was sent.

    `subject_attribute`: the name of the attribute that identifies a user in place of the NameID.
    """

    idp_entity_id: str
    certificates: tuple[x509.Certificate, ...]
    service_provider: ServiceProvider
    request_id: str
    subject_attribute: str | None = None


@dataclass(frozen=True)
class Assertion:
    """A verified assertion. An answer with this id is refused from `expires_at` on.

    `name_id` is the provider's persistent id of the user; None if it sends a transient one. `subject` is the value
    of the expected `subject_attribute`; None if there is not exactly one.
    """

    id: str
    name_id: str | None
    email: str
    name: str | None
    expires_at: datetime
    subject: str | None = None


def read_answer(encoded: str, expected: Expected, now: datetime) -> Assertion:
    """Verify the form's `SAMLResponse` (SAML Profiles 4.1.4.3); raises `SamlRefused`."""
    try:
        document = base64.b64decode("".join(encoded.split()), validate=True)
    except ValueError:
        raise SamlRefused("no base64") from None
    response = parse(document)
    _check_response(response, expected)
    assertion = signed_by(_only_assertion(response), expected.certificates)
    _check_issuer(assertion, expected)
    _check_conditions(_only(assertion, "Conditions"), expected, now)
    _check_statements(assertion, now)
    subject = _only(assertion, "Subject")
    confirmed_until = max(_confirmations(subject, expected, now), default=None)
    if confirmed_until is None:
        raise SamlRefused("no confirmation of the subject for this request, here and now")
    name_id = _only(subject, "NameID")
    return Assertion(
        id=_bounded(assertion.get("ID", "")),
        name_id=None if name_id.get("Format") == _TRANSIENT else _text(name_id),
        email=_email(name_id, assertion),
        name=_name(assertion),
        # A login lives ten minutes, so a day is long enough to remember a used assertion.
        expires_at=min(confirmed_until, now + timedelta(days=1)) + SKEW,
        subject=_only_value(assertion, expected.subject_attribute),
    )


def _check_response(response: Element, expected: Expected) -> None:
    if response.tag != f"{_SAMLP}Response" or response.get("Version") != "2.0":
        raise SamlRefused("no response of SAML 2.0")
    codes = [code.get("Value") for code in response.findall(f"{_SAMLP}Status/{_SAMLP}StatusCode")]
    if codes != [_SUCCESS]:
        raise SamlRefused("the identity provider reports no success")
    if response.get("InResponseTo") != expected.request_id:
        raise SamlRefused("the response is for another request")
    if response.get("Destination", expected.service_provider.acs_url) != expected.service_provider.acs_url:
        raise SamlRefused("the response has another destination")
    if response.find(f"{_SAML}Issuer") is not None:
        _check_issuer(response, expected)


def _only_assertion(response: Element) -> Element:
    if next(response.iter(f"{_SAML}EncryptedAssertion"), None) is not None:
        raise SamlRefused("an encrypted assertion")
    found = list(response.iter(f"{_SAML}Assertion"))
    if len(found) != 1 or found[0].getparent() is not response:
        raise SamlRefused("not exactly one assertion")
    if found[0].get("Version") != "2.0":
        raise SamlRefused("no assertion of SAML 2.0")
    return found[0]


def _check_issuer(element: Element, expected: Expected) -> None:
    if _text(_only(element, "Issuer")) != expected.idp_entity_id:
        raise SamlRefused("another issuer")


def _check_conditions(conditions: Element, expected: Expected, now: datetime) -> None:
    if not _is_time_for(conditions, now):
        raise SamlRefused("the conditions do not hold now")
    if any(condition.tag not in _UNDERSTOOD for condition in conditions):
        raise SamlRefused("a condition that is not understood")
    restrictions = conditions.findall(f"{_SAML}AudienceRestriction")
    audiences = [{_text(audience) for audience in restriction} for restriction in restrictions]
    if not audiences or not all(expected.service_provider.entity_id in allowed for allowed in audiences):
        raise SamlRefused("another audience")


def _check_statements(assertion: Element, now: datetime) -> None:
    statements = assertion.findall(f"{_SAML}AuthnStatement")
    if not statements:
        raise SamlRefused("no statement that anybody was authenticated")
    for statement in statements:
        ends_at = _time(statement, "SessionNotOnOrAfter")
        if ends_at is not None and ends_at <= now - SKEW:
            raise SamlRefused("the session at the identity provider is over")


def _confirmations(subject: Element, expected: Expected, now: datetime) -> Iterator[datetime]:
    """Yield the end of each bearer confirmation that is valid for our URL and our request."""
    for confirmation in subject.findall(f"{_SAML}SubjectConfirmation"):
        if confirmation.get("Method") != _BEARER:
            continue
        for data in confirmation.findall(f"{_SAML}SubjectConfirmationData"):
            until = _time(data, "NotOnOrAfter")
            ours = (
                data.get("Recipient") == expected.service_provider.acs_url
                and data.get("InResponseTo") == expected.request_id
            )
            if ours and until is not None and _is_time_for(data, now):
                yield until


def _is_time_for(element: Element, now: datetime) -> bool:
    begins_at, ends_at = _time(element, "NotBefore"), _time(element, "NotOnOrAfter")
    return (begins_at is None or begins_at <= now + SKEW) and (ends_at is None or ends_at > now - SKEW)


def _time(element: Element, name: str) -> datetime | None:
    text = element.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SamlRefused(f"{name} is no time") from None
    if moment.tzinfo is None:
        raise SamlRefused(f"{name} is in no time zone")
    return moment


def _email(name_id: Element, assertion: Element) -> str:
    if name_id.get("Format") == _EMAIL_FORMAT:
        return _text(name_id)
    value = _attribute(assertion, _EMAIL_NAMES)
    if value is None:
        raise SamlRefused("no e-mail address")
    return _text(value)


def _name(assertion: Element) -> str | None:
    """Return the name as it can be stored; None if there is none, or none that can be kept."""
    value = _attribute(assertion, _NAME_NAMES)
    return None if value is None or len(value) else asserted_name((value.text or "").strip())


def _attribute(assertion: Element, names: tuple[str, ...]) -> Element | None:
    """Return the first value of the first of these attributes that is present."""
    given = {
        attribute.get("Name"): value
        for attribute in reversed(assertion.findall(f"{_SAML}AttributeStatement/{_SAML}Attribute"))
        if attribute.get("Name") in names
        for value in attribute.findall(f"{_SAML}AttributeValue")[:1]
    }
    return next((given[name] for name in names if name in given), None)


def _only_value(assertion: Element, name: str | None) -> str | None:
    """Return the value of the only attribute of this name; None if it is missing or has several."""
    found = [
        value
        for attribute in assertion.findall(f"{_SAML}AttributeStatement/{_SAML}Attribute")
        if attribute.get("Name") == name
        for value in attribute.findall(f"{_SAML}AttributeValue")
    ]
    return _text(found[0]) if name is not None and len(found) == 1 else None


def _only(parent: Element, name: str) -> Element:
    found = parent.findall(f"{_SAML}{name}")
    if len(found) != 1:
        raise SamlRefused(f"not exactly one {name}")
    return found[0]


def _text(element: Element) -> str:
    if len(element):
        raise SamlRefused("elements where text is expected")
    return _bounded((element.text or "").strip())


def _bounded(text: str) -> str:
    if not 1 <= len(text) <= _LONGEST_TEXT or not is_one_line(text):
        raise SamlRefused("a text that is empty, too long or with control characters")
    return text
