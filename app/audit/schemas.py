"""Audit events on the wire (docs/api.md section 10)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from app.audit.rules import EventType
from app.web.wire import Answer, OpenList


class Actor(Answer):
    """Who did it, and with which credential.

    `email` is the user's current address, null once the user is deleted.
    """

    id: UUID | None
    email: str | None
    credential: str | None


class Target(Answer):
    """The object that was acted on."""

    type: str
    id: UUID | None


class AuditEvent(Answer):
    """An audit event."""

    id: UUID
    type: Annotated[str, OpenList(lambda: [known.value for known in EventType])]
    at: datetime
    actor: Actor | None
    target: Target | None
    ip: str | None
    user_agent: str | None
    request_id: str | None
    details: dict[str, Any]
