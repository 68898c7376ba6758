"""When an enrollment is still open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

LIFETIME = timedelta(minutes=10)
KEPT = timedelta(days=1)
"""How long one whose time is over is kept, to answer "gone" rather than "never there"."""
MOST_FAILURES = 5


@dataclass(frozen=True)
class Enrollment:
    """An authenticator begun and not yet proven; nothing changes until it is confirmed."""

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
        """Whether it can be confirmed: not ended, not too old, and nothing about the user changed since."""
        return self.ended_at is None and now < self.expires_at and self.version == version
