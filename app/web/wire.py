"""The two kinds of schema: what a client sends, read strictly, and what it gets."""

import re
import string
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Body(BaseModel):
    """What a client sends: no unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """What a client gets, made from an object with the same attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


_NO_ID = UUID(int=0)  # new ids are never this one


def _id_or_nothing(value: str) -> UUID:
    with suppress(ValueError):
        found = UUID(value)
        if str(found) == value.lower():  # `UUID` reads other spellings too
            return found
    return _NO_ID


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


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("no time of RFC 3339")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("a time in no year that we know") from None


# A moment that a client names, as RFC 3339 writes it, its offset from UTC included.
GivenTime = Annotated[datetime, BeforeValidator(_moment)]

# An id in a body, where JSON has only strings.
BodyId = Annotated[UUID, Field(strict=False)]
