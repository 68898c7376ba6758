"""The scopes and the expiry of API tokens."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.accounts.users.rules import ACTIVE, User
from app.core.callers import ADMINS

PREFIX = "pgt_"
USED_AGAIN_AFTER = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token may do; each route that accepts tokens requires one scope."""

    POLICY_READ = "policy:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    REPORTS = "reports"
    AUDIT_READ = "audit:read"
    API = "api"
    SIGN_INS = "sign_ins"


def may_use_tokens(user: User) -> bool:
    """Whether the user's tokens are valid: an active owner, admin or service account."""
    return user.status == ACTIVE and (user.is_service or user.role in ADMINS)


@dataclass(frozen=True)
class ApiToken:
    """An API token's record; only a digest of the secret is stored.

    `signs_in_admins`: it is the owner's own, so with the scope `sign_ins` it can sign in admins and the owner too.
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
        """Whether the token has expired."""
        return self.expires_at is not None and now >= self.expires_at

    def is_first_use_of_day(self, now: datetime) -> bool:
        """Whether it was not used yet on this day (UTC); the audit log has one use a day."""
        return self.last_used_at is None or self.last_used_at.date() < now.date()
