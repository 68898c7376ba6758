"""Examples for the OpenAPI document, made from the schemas; no secret in them can be real."""

from typing import Any

_ID = "01900000-0000-7000-8000-00000000abcd"
_TIME = "2026-11-24T12:00:00Z"

# Example strings by field name; the example of a list has one item.
_TEXTS = {
    "passcode": "123456",
    "email": "eve@example.com",
    "ip": "192.0.2.7",
    "audience": "https://api.example.com",
    "recovery_codes": "EXAMPLE-CODE",
    "secret": "EXAMPLE-SECRET-OF-THIRTY-TWO-BYTES",
    "password": "an example password",
    "current_password": "an example password",
    "new_password": "another example password",
    "otpauth_uri": "otpauth://totp/Passgate:eve%40example.com?secret=EXAMPLE&issuer=Passgate",
    "qr_code_svg": "<svg/>",
    "locale": "en",
}

# Bodies whose fields depend on each other in a way that their schemas do not express.
_BODIES = {
    "StepUp": {"passcode": "123456"},
    "Assertion": {"external_id": "4711", "first_factor": "password"},
    "NewUser": {"email": "eve@example.com", "name": "Eve", "role": "agent"},
    "UserChange": {"name": "Eve", "role": "agent"},
    "PolicyChange": {"require_two_factor": {"team_members": True}},
    "ProviderChange": {"type": "jwt", "secret": "EXAMPLE-SECRET-OF-THIRTY-TWO-BYTES"},
}


_OTHER_TYPES = {
    "application/samlmetadata+xml": (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
        ' entityID="https://auth.example.com/v1/accounts/shop/sso/corp/metadata"/>'
    ),
    "application/x-www-form-urlencoded": {"SAMLResponse": "PHNhbWxwOlJlc3BvbnNlPg==", "RelayState": "EXAMPLE"},
    "text/css": "main { max-width: 30rem; }",
    "text/csv": (
        "user_id,name,email,role,status,two_factor,required_by_account,turned_on_by_user,methods,"
        "passcode_frequency,recovery_codes_left,trusted_devices,enrolled_at,last_passcode_at,last_sign_in_at,"
        "test_account\r\n"
        f"{_ID},Eve,eve@example.com,agent,active,on,true,false,totp,every_30_days,10,1,{_TIME},{_TIME},{_TIME},"
        "false\r\n"
    ),
    "text/html": '<!doctype html><html lang="en"><title>Not found</title><h1>Not found</h1></html>',
    "text/javascript": '"use strict";',
}


def example_text(kind: str) -> Any:
    """Return an example of a body of this media type other than JSON."""
    return _OTHER_TYPES[kind]


class Examples:
    """Makes examples of the schemas of one document."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def of(self, schema: dict[str, Any], name: str = "") -> Any:
        """Return a value that fits the schema of a field with this name."""
        if "$ref" in schema:
            model = schema["$ref"].rpartition("/")[2]
            return _BODIES.get(model) or self.of(self._schemas[model], name)
        for union in ("oneOf", "anyOf"):
            if union in schema:
                return self.of(schema[union][0], name)
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema or "enum" in schema:
            return schema.get("const") or schema["enum"][0]
        kind = schema.get("type")
        if kind == "array":
            return [self.of(schema["items"], name)]
        return self._object(schema) if kind == "object" else _scalar(schema, name)

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        # Only the required fields; all fields if none is required, as in the body of a PATCH.
        properties = schema.get("properties", {})
        return {name: self.of(properties[name], name) for name in schema.get("required", properties)}


def _scalar(schema: dict[str, Any], name: str) -> Any:
    if schema.get("type") == "string":
        return _text(schema, name)
    return {"integer": int(schema.get("minimum", 1)), "boolean": True}.get(schema.get("type", ""))


def _text(schema: dict[str, Any], name: str) -> str:
    if schema.get("format") == "uuid":
        return _ID
    if schema.get("format") == "date-time":
        return _TIME
    return _TEXTS.get(name, "EXAMPLE-TOKEN" if "token" in name else "example")
