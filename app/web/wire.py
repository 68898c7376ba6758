"""The two kinds of schema: what a client sends, read strictly, and what it gets."""

import contextlib
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.errors import NotFound


class Body(BaseModel):
    """What a client sends: no unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """What a client gets, made from an object with the same attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _id_or_nothing(value: Any) -> UUID:
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        return UUID(value)
    raise NotFound


# The default of a field of a PATCH, for telling "left out" from any value: never read, see `model_fields_set`.
LEFT_OUT: Any = Field(default_factory=lambda: None)

# An id in a path. What is no id names no object: 404, as for one that does not exist.
PathId = Annotated[UUID, BeforeValidator(_id_or_nothing)]

# An id in a body, where JSON has only strings.
BodyId = Annotated[UUID, Field(strict=False)]
