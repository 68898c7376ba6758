"""What a challenge is bound to, and when it is over."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class AskedIn:
    """Where a challenge was asked and may be answered: in a sign-in, or in a session for a step-up."""

    sign_in_id: UUID | None = None
    session_id: UUID | None = None


@dataclass(frozen=True)
class Challenge:
    """What was asked of an authenticator; what `data` means, only its kind knows."""

    authenticator_id: UUID
    data: bytes
    expires_at: datetime

    def is_open(self, now: datetime) -> bool:
        """Whether an answer may still be right."""
        return now < self.expires_at
