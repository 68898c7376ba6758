"""Audit events and the closed list of their types."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class EventType(StrEnum):
    """The types of events, as `subject.action` (docs/api.md section 10)."""

    SIGN_IN_SUCCEEDED = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_IN_WAITING = "sign_in.waiting"
    PASSCODE_FAILED = "passcode.failed"
    PASSCODE_REPLAYED = "passcode.replayed"
    PASSCODE_LOCKED = "passcode.locked"
    ENROLLMENT_BEGUN = "enrollment.begun"
    AUTHENTICATOR_ADDED = "authenticator.added"
    AUTHENTICATOR_RENAMED = "authenticator.renamed"
    AUTHENTICATOR_REMOVED = "authenticator.removed"
    TWO_FACTOR_TURNED_ON = "two_factor.turned_on"
    TWO_FACTOR_TURNED_OFF = "two_factor.turned_off"
    TWO_FACTOR_FREQUENCY_CHANGED = "two_factor.frequency_changed"
    RECOVERY_CODE_USED = "recovery_code.used"
    RECOVERY_CODES_REGENERATED = "recovery_codes.regenerated"
    TRUSTED_DEVICE_ADDED = "trusted_device.added"
    TRUSTED_DEVICE_REVOKED = "trusted_device.revoked"
    SESSION_STEPPED_UP = "session.stepped_up"
    SESSION_ENDED = "session.ended"
    POLICY_CHANGED = "policy.changed"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DELETED = "user.deleted"
    ACCOUNT_RENAMED = "account.renamed"
    USERS_IMPORTED = "users.imported"
    EMAIL_CHANGE_STOPPED = "email_change.stopped"
    OWNERSHIP_HANDED_OVER = "ownership.handed_over"
    PASSWORD_FAILED = "password.failed"  # noqa: S105 -- the name of an event
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 -- the name of an event
    PASSWORD_LINK_CREATED = "password_link.created"  # noqa: S105 -- the name of an event
    API_TOKEN_CREATED = "api_token.created"  # noqa: S105 -- as above
    API_TOKEN_REVOKED = "api_token.revoked"  # noqa: S105 -- as above
    API_TOKEN_USED = "api_token.used"  # noqa: S105 -- as above
    REPORT_REQUESTED = "report.requested"
    REPORT_DOWNLOADED = "report.downloaded"
    SSO_SIGNED_IN = "sso.signed_in"
    SSO_LINKED = "sso.linked"
    SSO_UNLINKED = "sso.unlinked"
    ANSWER_READ_BACK = "answer.read_back"
    ACCESS_DENIED = "access.denied"
    LIMIT_REACHED = "limit.reached"


@dataclass(frozen=True)
class Event:
    """Something that happened, and its target; `details` never contains a secret."""

    type: EventType
    target_type: str | None = None
    target_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Actor:
    """Who did it and with which credential; both None if nobody was authenticated."""

    user_id: UUID | None
    credential: str | None


@dataclass(frozen=True)
class RecordedEvent:
    """An event as stored, with the actor's current e-mail address.

    `actor_email` is None once the actor is deleted.
    """

    id: UUID
    type: str
    at: datetime
    actor_id: UUID | None
    actor_email: str | None
    credential: str | None
    target_type: str | None
    target_id: UUID | None
    ip: str | None
    user_agent: str | None
    request_id: str | None
    details: dict[str, Any]


@dataclass(frozen=True)
class EventFilter:
    """Which events to read; None means any. `since` is inclusive, `until` exclusive."""

    type: EventType | None = None
    actor_id: UUID | None = None
    target_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


NOBODY = Actor(None, None)
COMMAND_LINE = Actor(None, "command_line")
