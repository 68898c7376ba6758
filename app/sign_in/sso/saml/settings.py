"""Settings of a SAML provider. It has no secret: its certificates verify what it signs."""

from collections.abc import Mapping
from typing import Any

from app.core.addresses import FetchPolicy, is_fetchable_url
from app.core.errors import invalid_field
from app.sign_in.sso.rules import NO_ADDRESS, ProtocolSettings, check_return_urls
from app.sign_in.sso.saml.messages import signatures
from app.sign_in.sso.saml.messages.certificates import read_certificate


def _check_installed() -> None:
    if not signatures.INSTALLED:
        raise invalid_field("/type", "not_allowed", signatures.NOT_INSTALLED)


def _check(given: Mapping[str, Any], _fetched: FetchPolicy) -> None:
    if not is_fetchable_url(given["idp_sso_url"]):
        raise invalid_field("/idp_sso_url", "malformed", NO_ADDRESS)
    check_return_urls(given["return_urls"])
    for place, text in enumerate(given["idp_certificates"]):
        try:
            read_certificate(text)
        except ValueError:
            detail = "This is no X.509 certificate with a key of RSA (2048 bits or more) or an elliptic curve."
            raise invalid_field(f"/idp_certificates/{place}", "malformed", detail) from None


SETTINGS = ProtocolSettings(
    known={
        "idp_entity_id": True,
        "idp_sso_url": True,
        "idp_certificates": True,
        "return_urls": True,
        "subject_attribute": False,
    },
    check_installed=_check_installed,
    check=_check,
)
