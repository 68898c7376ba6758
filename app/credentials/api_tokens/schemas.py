"""Request and response bodies of API tokens."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.web.wire import NOT_BLANK, Answer, Body, GivenTime, Open

ScopeName = Literal["policy:read", "users:read", "users:write", "reports", "audit:read", "api", "sign_ins"]


class NewApiToken(Body):
    """What the token is for, what it may do, and when it expires."""

    description: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), NOT_BLANK]
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=16)]
    expires_at: GivenTime | None = None


class ApiToken(Answer):
    """An API token, without the secret."""

    id: UUID
    user_id: UUID
    description: str
    scopes: list[Open[ScopeName]]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class MadeApiToken(ApiToken):
    """A new token with its secret, which is shown only once."""

    token: str
