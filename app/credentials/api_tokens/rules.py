"""What an API token may do, and how long it is good."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

PREFIX = "pgt_"
USED_AGAIN_AFTER = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token is for; each route that a token may call names one."""

    POLICY_READ = "policy:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    REPORTS = "reports"
    AUDIT_READ = "audit:read"
    API = "api"
    SIGN_INS = "sign_ins"


@dataclass(frozen=True)
class ApiToken:
    """An API token's record; only a digest of the secret is stored.

    `signs_in_admins`: its maker was the owner, so that with `sign_ins` it signs in admins and the owner too.
    """

    id: UUID
    user_id: UUID
    description: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    signs_in_admins: bool = False

    def is_over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at

    def is_first_use_of_day(self, now: datetime) -> bool:
        """Whether it was not used before on this day (UTC): the audit log has one use a day."""
        return self.last_used_at is None or self.last_used_at.date() < now.date()
