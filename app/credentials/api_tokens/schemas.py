"""Request and response bodies of API tokens."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.web.wire import Answer, Body, BodyId, GivenTime, OneLine, Open

ScopeName = Literal["policy:read", "users:read", "users:write", "reports", "audit:read", "api", "sign_ins"]


class NewApiToken(Body):
    """What the token is for, what it may do, when it expires, and for which service account."""

    description: Annotated[str, OneLine(200)]
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=16)]
    expires_at: GivenTime | None = None
    user_id: BodyId | None = None


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
