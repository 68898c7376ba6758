"""A report, how long it is kept, and the token of its link."""

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
"""An estimate: most reports are finished by then."""
POLL_AFTER_SECONDS = 5
"""When to ask again for a report that is being written."""
RETENTION = timedelta(days=7)
LINK_LIFETIME = timedelta(hours=24)
FAIL_AFTER = timedelta(hours=1)
"""A report that cannot be written fails after this time, and the requester can ask for another."""
ORPHANED_AFTER = timedelta(days=2)
"""An unfinished report this old has no job any more, because the queue drops a job after a day."""
DELETE_AFTER = timedelta(days=30)


class Type(StrEnum):
    """The type of a report."""

    TWO_FACTOR_STATUS = "two_factor_status"


class Status(StrEnum):
    """The status of a report."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


UNFINISHED = frozenset({Status.QUEUED, Status.RUNNING})


@dataclass(frozen=True)
class Report:
    """A report.

    It stores a digest of its link's secret, and a sealed copy of the secret until the e-mail is sent.
    """

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
    notify: bool = True

    def status_at(self, now: datetime) -> Status:
        """Return the status; a ready report past `expires_at` is expired, purged or not."""
        over = self.expires_at is not None and now >= self.expires_at
        return Status.EXPIRED if over and self.status is Status.READY else self.status

    @property
    def link_was_sent(self) -> bool:
        """Whether the e-mail with the link was sent: the sealed secret is deleted then."""
        return self.token_digest is not None and self.sealed_token is None

    def accepts_secret(self, secret: str, now: datetime) -> bool:
        """Whether this is the secret of the report's link, and neither link nor report is expired."""
        if self.token_digest is None or self.link_expires_at is None:
            return False
        in_time = self.status_at(now) is Status.READY and now < self.link_expires_at
        return same(self.token_digest, digest(secret)) and in_time


def link_token(report_id: UUID, secret: str) -> str:
    """Return the token in the e-mailed link, `pgr_<id>.<secret>`."""
    return f"{PREFIX}{report_id}.{secret.removeprefix(PREFIX)}"


def read_link_token(token: str) -> tuple[UUID, str] | None:
    """Return the report's id and the link's secret from a token; None for a malformed token."""
    found = _LINK_TOKEN.fullmatch(token)
    return (UUID(found[1]), PREFIX + found[2]) if found else None


def file_name(slug: str, made_at: datetime) -> str:
    """Return the name of the downloaded file; a slug is safe in an HTTP header."""
    return f"two-factor-status-{slug}-{made_at:%Y-%m-%d}.csv"
