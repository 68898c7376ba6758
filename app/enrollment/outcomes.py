"""The results of beginning and confirming an enrollment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.second_factor.rules import Authenticator
from app.second_factor.trusted_devices.rules import NotTrusted, Trust


@dataclass(frozen=True)
class BegunEnrollment:
    """An enrollment that has begun; `shown` has the fields of its kind that are shown once."""

    id: UUID
    kind: str
    expires_at: datetime
    shown: Mapping[str, Any]


@dataclass(frozen=True)
class ConfirmedEnrollment:
    """A confirmed authenticator; `recovery_codes` is set if it is the user's first.

    `method` is its value in the `amr` of a session. In a session, its device may become a trusted one: `trust`, or
    why not.
    """

    authenticator: Authenticator
    recovery_codes: list[str] | None
    method: str
    trust: Trust | None = None
    not_trusted: NotTrusted | None = None
