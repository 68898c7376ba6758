"""What a challenge is bound to, and when it expires."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class ChallengeContext:
    """What a challenge is bound to: a sign-in, or a session for a step-up. Exactly one is set."""

    sign_in_id: UUID | None = None
    session_id: UUID | None = None


@dataclass(frozen=True)
class Challenge:
    """A challenge for an authenticator; only its kind interprets `data`."""

    authenticator_id: UUID
    data: bytes
    expires_at: datetime

    def is_open(self, now: datetime) -> bool:
        """Whether the challenge has not expired."""
        return now < self.expires_at
