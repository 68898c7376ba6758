"""What a report is, how long it is kept, and whom its link lets in."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.crypto.digests import digest, same

PREFIX = "pgr_"
_LINK_TOKEN = re.compile(r"pgr_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([A-Za-z0-9_-]{43})")
MOST_UNFINISHED = 3
RETRY_AFTER_SECONDS = 30
"""Nobody knows when a report will be finished; most are by then."""
KEPT = timedelta(days=7)
LINK_LIFETIME = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(hours=1)
"""Whoever waits for a report that cannot be written is told after this long, and can ask for another."""
LOST_AFTER = timedelta(days=2)
"""An unfinished report this old has no job any more: the queue gives a job up after a day."""
FORGOTTEN_AFTER = timedelta(days=30)


class Type(StrEnum):
    """What a report is about."""

    TWO_FACTOR_STATUS = "two_factor_status"


class Status(StrEnum):
    """How far a report is."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


UNFINISHED = frozenset({Status.QUEUED, Status.RUNNING})


@dataclass(frozen=True)
class Report:
    """A report. Of its link's token a digest is kept, and a sealed copy until the letter has been sent."""

    id: UUID
    type: Type
    include_end_users: bool
    status: Status
    requested_by: UUID
    created_at: datetime
    ready_at: datetime | None = None
    expires_at: datetime | None = None
    rows: int | None = None
    size: int | None = None
    token_digest: bytes | None = None
    sealed_token: bytes | None = None
    link_expires_at: datetime | None = None
    link_voided: bool | None = None

    def status_at(self, now: datetime) -> Status:
        """Return the status: a report that is over is expired, whether it was purged yet or not."""
        over = self.expires_at is not None and now >= self.expires_at
        return Status.EXPIRED if over and self.status is Status.READY else self.status

    @property
    def was_announced(self) -> bool:
        """Whether the letter is on its way: the token is kept only until then."""
        return self.token_digest is not None and self.sealed_token is None

    def is_opened_by(self, secret: str, now: datetime) -> bool:
        """Whether the secret is that of this report's link, and neither of them is over."""
        if self.token_digest is None or self.link_expires_at is None:
            return False
        in_time = self.status_at(now) is Status.READY and now < self.link_expires_at
        return same(self.token_digest, digest(secret)) and in_time


def link_token(report_id: UUID, secret: str) -> str:
    """Return what the e-mailed link carries, `pgr_<id>.<secret>`: which report, and the secret of its link."""
    return f"{PREFIX}{report_id}.{secret.removeprefix(PREFIX)}"


def read_link_token(token: str) -> tuple[UUID, str] | None:
    """Return the report's id and the secret of its link, or None for what is no such token."""
    found = _LINK_TOKEN.fullmatch(token)
    return (UUID(found[1]), PREFIX + found[2]) if found else None


def file_name(slug: str, made_at: datetime) -> str:
    """Return the name of the file that is downloaded; a slug has nothing in it that a header would mind."""
    return f"two-factor-status-{slug}-{made_at:%Y-%m-%d}.csv"
