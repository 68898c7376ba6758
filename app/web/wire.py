"""Base classes and field types of request and response schemas."""

import re
import string
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import quote
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.config import JsonDict
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.core.ids import NIL_ID
from app.core.one_line import BadTextError, is_one_line, one_line
from app.crypto.passwords import LONGEST_PASSWORD_BYTES, is_too_long

SCHEMAS = "#/components/schemas/"
"""Where the OpenAPI document has its schemas."""


class Body(BaseModel):
    """Base of request bodies: no unknown fields, no type conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """Base of response bodies, which are made from objects with the same attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def malformed(detail: str) -> PydanticCustomError:
    """Return the error of a field whose value does not have the right form.

    `detail` says what is allowed, and reaches the client: it must not repeat the value.
    """
    return PydanticCustomError("malformed", "{allowed}", {"allowed": detail})


class OpenList:
    """Documents a list of values in an answer as one that may grow: a string, not an `enum`.

    Lists in requests stay closed. The documented values are those of the type, or those that `values` returns when
    the document is generated.
    """

    def __init__(self, values: Callable[[], Iterable[str]] | None = None) -> None:
        self._values = values

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema of the type with the list open."""
        schema = handler.resolve_ref_schema(handler(core))
        closed = schema.get("enum", [schema["const"]] if "const" in schema else [])
        values = sorted(self._values()) if self._values else list(closed)
        return {
            "type": "string",
            "examples": values,
            "x-extensible-enum": values,
            "description": "Values may be added: clients must accept others.",
        }


_T = TypeVar("_T")
Open = Annotated[_T, OpenList()]
"""A value in an answer, from a list that may grow."""

_ID_LENGTH = 36


def _id_or_nothing(value: str) -> UUID:
    if len(value) != _ID_LENGTH:
        return NIL_ID
    with suppress(ValueError):
        found = UUID(value)
        if str(found) == value.lower():  # `UUID` accepts other spellings too
            return found
    return NIL_ID


_UNESCAPED = string.punctuation.replace("%", "")


def header_text(text: str) -> str:
    """Return any text as a header value: UTF-8, percent-encoded (RFC 3986).

    Visible ASCII stays as it is, except `%`, which is encoded so that decoding returns exactly `text`.
    """
    return quote(text, safe=_UNESCAPED)


_RANDOM_LENGTH = 43
_RANDOM = f"[A-Za-z0-9_-]{{{_RANDOM_LENGTH}}}"  # as `app.crypto.digests.new_secret` makes it
_ID_FORM = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def secret_field(prefix: str, *, with_id: bool = False) -> Any:
    """Return the field of a secret in a request, with its form in the document.

    A secret of another form is answered like an unknown one, so the form is not checked here.
    """
    id_form, some_id = (f"{_ID_FORM}\\.", f"{NIL_ID}.") if with_id else ("", "")
    documented: JsonDict = {
        "pattern": f"^{prefix}{id_form}{_RANDOM}$",
        "examples": [prefix + some_id + "A" * _RANDOM_LENGTH],
    }
    return Field(max_length=128, json_schema_extra=documented)


def documented(**schema: Any) -> Any:
    """Return what the document says of a field whose values are checked by code of ours."""
    return Field(json_schema_extra=schema)


# The default of a PATCH field. Its value is never read: `model_fields_set` says whether the field was sent.
LEFT_OUT: Any = Field(default_factory=lambda: None)

# An id in a path. A malformed id becomes one that no object has, so it gets the same 404 as an unknown id.
PathId = Annotated[UUID, BeforeValidator(_id_or_nothing)]

_RFC_3339 = re.compile(r"[0-9]{4}(-[0-9]{2}){2}[Tt][0-9]{2}(:[0-9]{2}){2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_LONGEST_MOMENT = 64
_NO_MOMENT = "This must be a time like 2030-01-31T12:00:00Z (RFC 3339), with its offset from UTC."


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or len(value) > _LONGEST_MOMENT or not _RFC_3339.fullmatch(value):
        raise malformed(_NO_MOMENT)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise malformed("The year must be from 1 to 9999.") from None
    except ValueError:
        raise malformed(_NO_MOMENT) from None


# A time in a request, in the format of RFC 3339 with its offset from UTC.
GivenTime = Annotated[datetime, BeforeValidator(_moment)]

# An id in a body, not strict because JSON has no UUIDs, only strings.
BodyId = Annotated[UUID, Field(strict=False)]


def _short_enough(password: str) -> str:
    if is_too_long(password):
        allowed = f"A password must have {LONGEST_PASSWORD_BYTES:,} or fewer bytes in UTF-8."
        raise PydanticCustomError("password_too_long", "{allowed}", {"allowed": allowed})
    return password


class WithoutNull:
    """Documents an optional field of a request as one that is left out; null is accepted, but not documented."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema of the value alone."""
        [value] = [found for found in handler(core)["anyOf"] if found != {"type": "null"}]
        return dict(value)


class OneLine:
    """A text on one line that people write, of 1 to `longest` characters: trimmed, NFC, plain spaces.

    See docs/api.md section 2.
    """

    _ERROR_TYPES: ClassVar = {"too_short": "string_too_short", "too_long": "string_too_long"}

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the text with the check after it."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema of the text with its limits."""
        return handler(core) | {"minLength": 1, "maxLength": self._longest, "pattern": r"\S"}

    def _checked(self, text: str) -> str:
        try:
            return one_line(text, self._longest)
        except BadTextError as error:
            if error.code == "malformed":
                raise malformed(str(error)) from None
            limits = {"min_length": 1, "max_length": self._longest}
            raise PydanticCustomError(self._ERROR_TYPES[error.code], "wrong length", limits) from None


def _without_controls(text: str) -> str:
    if not is_one_line(text):
        raise malformed("The text must have no control characters, line breaks or bidirectional controls.")
    return text


# An id or a technical text on one line, kept as given.
WithoutControls = AfterValidator(_without_controls)

# A password as typed; its length in bytes is limited before anything else is done with it.
GivenPassword = Annotated[str, Field(max_length=LONGEST_PASSWORD_BYTES), AfterValidator(_short_enough)]
