"""Schemas of a passcode, the name of an authenticator kind, and the fields that a kind adds."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import ConfigDict, GetJsonSchemaHandler, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, PydanticKnownError

from app.second_factor.kinds import registry
from app.second_factor.kinds.kind import Kind
from app.second_factor.passcode import LONGEST_INPUT, RecoveryCode, SixDigits, parse
from app.web.wire import Answer, OpenList, malformed


def _passcode(value: Any) -> SixDigits | RecoveryCode:
    passcode = parse(value) if isinstance(value, str) else None
    if passcode is None:
        raise malformed("A passcode is six digits, or a recovery code. Spaces do not matter.")
    return passcode


# What `parse` accepts, as patterns: half a recovery code has seven characters and any spaces.
_HALF = "( *[0-9A-TV-Za-tv-z]){7} *"
SIX_DIGITS_PATTERN = " *([0-9] *){6}"

Passcode = Annotated[
    SixDigits | RecoveryCode,
    PlainValidator(_passcode),
    WithJsonSchema(
        {
            "type": "string",
            "description": "six ASCII digits, or a recovery code",
            "pattern": f"^({SIX_DIGITS_PATTERN}|{_HALF}-?{_HALF})$",
            "maxLength": LONGEST_INPUT,
        }
    ),
]


def _registered_kind(value: Any) -> str:
    known = registry.names()
    if not isinstance(value, str) or value not in known:
        raise PydanticKnownError("literal_error", {"expected": " or ".join(known)})
    return value


class _ClosedKinds:
    """Documents the kinds that a request may name: those registered when OpenAPI is generated."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        known = registry.names()
        return {"type": "string", "const": known[0]} if len(known) == 1 else {"type": "string", "enum": known}


KindName = Annotated[str, PlainValidator(_registered_kind), _ClosedKinds()]
"""The authenticator kind in a request: it must be registered."""

ShownKind = Annotated[str, OpenList(registry.names)]
"""The authenticator kind in an answer."""


KindFields: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Maps field names to their JSON schemas."""


class KindAnswer(Answer):
    """An answer with additional fields that depend on the authenticator kind."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def fields_of(cls, kind: Kind) -> KindFields:
        """Return the JSON schema of each field that the kind adds to this answer."""
        raise NotImplementedError(kind.name)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Document the fields of every registered kind; a field is required if all kinds have it."""
        schema = handler.resolve_ref_schema(reference := handler(core))
        schema.pop("additionalProperties", None)
        by_kind = [found for kind in registry.registered() if (found := cls.fields_of(kind))]
        for fields in by_kind:
            for name, described in fields.items():
                titled = {"title": name.replace("_", " ").title(), **described}
                schema["properties"].setdefault(name, titled)
                if all(name in others for others in by_kind) and name not in schema["required"]:
                    schema["required"].append(name)
        return reference
