"""The rules of enrollment: lifetime, and when an enrollment is open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

LIFETIME = timedelta(minutes=10)
KEPT = timedelta(days=1)
"""How long an expired enrollment is kept, so that the answer is "gone" instead of "not found"."""
MOST_FAILURES = 5


@dataclass(frozen=True)
class Enrollment:
    """An authenticator that is not yet confirmed; nothing else changes until then."""

    id: UUID
    user_id: UUID
    sign_in_id: UUID | None
    kind: str
    label: str
    sealed_secret: bytes
    version: int
    failures: int
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def is_open(self, *, version: int, now: datetime) -> bool:
        """Whether it can be confirmed: not ended, not expired, and the user's version unchanged."""
        return self.ended_at is None and now < self.expires_at and self.version == version
