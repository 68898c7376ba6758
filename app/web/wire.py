"""The two kinds of schema: what a client sends, read strictly, and what it gets."""

import re
import string
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError

from app.core.ids import NIL_ID
from app.crypto.passwords import LONGEST_PASSWORD_BYTES, is_too_long


class Body(BaseModel):
    """What a client sends: no unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """What a client gets, made from an object with the same attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class OpenList:
    """Documents a value list of an answer as one that may grow: an open string, never a closed `enum`.

    A request's lists stay closed. The values are those that the type names, or what `values` returns when the
    document is made.
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
            "description": "More may be added: clients must accept others.",
        }


_T = TypeVar("_T")
Open = Annotated[_T, OpenList()]
"""A value of an answer, of a list that may grow."""

_ID_LENGTH = 36


def _id_or_nothing(value: str) -> UUID:
    if len(value) != _ID_LENGTH:
        return NIL_ID
    with suppress(ValueError):
        found = UUID(value)
        if str(found) == value.lower():  # `UUID` reads other spellings too
            return found
    return NIL_ID


_AS_IT_IS = string.punctuation.replace("%", "")


def header_text(text: str) -> str:
    """Return any text as a header's value: percent-encoded UTF-8, printable ASCII but `%` as it is (RFC 3986).

    Unquoting gives back exactly `text`: that is why `%` itself is encoded.
    """
    return quote(text, safe=_AS_IT_IS)


# The default of a field of a PATCH, for telling "left out" from any value: never read, see `model_fields_set`.
LEFT_OUT: Any = Field(default_factory=lambda: None)

# An id in a path. What is no id names no object: 404 when its turn comes, as for one that does not exist.
PathId = Annotated[UUID, BeforeValidator(_id_or_nothing)]

_RFC_3339 = re.compile(r"[0-9]{4}(-[0-9]{2}){2}[Tt][0-9]{2}(:[0-9]{2}){2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_LONGEST_MOMENT = 64


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or len(value) > _LONGEST_MOMENT or not _RFC_3339.fullmatch(value):
        raise ValueError("no time of RFC 3339")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("a time in no year that we know") from None


# A moment that a client names, as RFC 3339 writes it, its offset from UTC included.
GivenTime = Annotated[datetime, BeforeValidator(_moment)]

# An id in a body, where JSON has only strings.
BodyId = Annotated[UUID, Field(strict=False)]


def _short_enough(password: str) -> str:
    if is_too_long(password):
        raise PydanticCustomError("string_too_long", "too long in UTF-8")
    return password


# A password as it is typed: bounded in bytes before anything else looks at it.
GivenPassword = Annotated[str, Field(max_length=LONGEST_PASSWORD_BYTES), AfterValidator(_short_enough)]
