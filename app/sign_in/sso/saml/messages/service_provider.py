"""Passgate as a SAML service provider: its metadata, and its authentication request."""

import base64
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
_ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
_METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_NAME_FORMATS = (
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
)
_RAW_DEFLATE = -15

for _prefix, _uri in (("samlp", _PROTOCOL), ("saml", _ASSERTION), ("md", _METADATA)):
    ET.register_namespace(_prefix, _uri)


@dataclass(frozen=True)
class ServiceProvider:
    """Passgate for one identity provider: entity id (the URL of the metadata) and assertion consumer URL."""

    entity_id: str
    acs_url: str

    def metadata(self) -> bytes:
        """Return the metadata document (SAML Metadata 2.4.4)."""
        entity = ET.Element(f"{{{_METADATA}}}EntityDescriptor", entityID=self.entity_id)
        attributes = {
            "AuthnRequestsSigned": "false",
            "WantAssertionsSigned": "true",
            "protocolSupportEnumeration": _PROTOCOL,
        }
        descriptor = ET.SubElement(entity, f"{{{_METADATA}}}SPSSODescriptor", attributes)
        for name_format in _NAME_FORMATS:
            ET.SubElement(descriptor, f"{{{_METADATA}}}NameIDFormat").text = name_format
        consumer = {"Binding": _POST, "Location": self.acs_url, "index": "0", "isDefault": "true"}
        ET.SubElement(descriptor, f"{{{_METADATA}}}AssertionConsumerService", consumer)
        document: bytes = ET.tostring(entity, encoding="utf-8", xml_declaration=True)
        return document

    def login_url(self, sso_url: str, request_id: str, now: datetime) -> str:
        """Return the URL that carries the authentication request (SAML Bindings 3.4).

        The answer must name `request_id`.
        """
        attributes = {
            "ID": request_id,
            "Version": "2.0",
            "IssueInstant": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Destination": sso_url,
            "ProtocolBinding": _POST,
            "AssertionConsumerServiceURL": self.acs_url,
        }
        request = ET.Element(f"{{{_PROTOCOL}}}AuthnRequest", attributes)
        ET.SubElement(request, f"{{{_ASSERTION}}}Issuer").text = self.entity_id
        ET.SubElement(request, f"{{{_PROTOCOL}}}NameIDPolicy", AllowCreate="true")
        deflated = zlib.compress(ET.tostring(request), wbits=_RAW_DEFLATE)
        query = urlencode({"SAMLRequest": base64.b64encode(deflated).decode()})
        return f"{sso_url}{'&' if '?' in sso_url else '?'}{query}"
