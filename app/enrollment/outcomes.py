"""What an enrollment comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.second_factor.rules import Authenticator


@dataclass(frozen=True)
class BegunEnrollment:
    """An enrollment, and what its kind shows of it, by field."""

    id: UUID
    kind: str
    expires_at: datetime
    shown: Mapping[str, Any]


@dataclass(frozen=True)
class Bound:
    """A confirmed authenticator; `recovery_codes` came with it when it is the user's first.

    `method` is what a session's `amr` calls the proof that it is.
    """

    authenticator: Authenticator
    recovery_codes: list[str] | None
    method: str
