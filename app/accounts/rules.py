"""The form of account slugs, and the security policy of an account."""

import re
from dataclasses import dataclass
from datetime import datetime

from app.core.callers import Role

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def is_slug(text: str) -> bool:
    """Whether `text` is a valid account slug (docs/api.md section 1)."""
    return _SLUG.fullmatch(text) is not None


@dataclass(frozen=True)
class SecurityPolicy:
    """The current policy; `version` increases with each change and is the ETag."""

    require_team_members: bool
    require_end_users: bool
    api_password_access: bool
    trusted_device_days: int
    team_member_kinds: tuple[str, ...]
    end_user_kinds: tuple[str, ...]
    version: int
    updated_at: datetime

    def requires_two_factor_of(self, role: Role) -> bool:
        """Whether a user of this role must use a second factor."""
        return self.require_team_members if role.is_team_member else self.require_end_users

    def kinds_for(self, role: Role) -> tuple[str, ...]:
        """Return the kinds of authenticator that a user of this role may enroll."""
        return self.team_member_kinds if role.is_team_member else self.end_user_kinds


def first_policy(now: datetime, kinds: tuple[str, ...]) -> SecurityPolicy:
    """Return the policy of a new account.

    It allows these kinds, requires 2FA of nobody, and does not allow passwords at the API.
    """
    return SecurityPolicy(
        require_team_members=False,
        require_end_users=False,
        api_password_access=False,
        trusted_device_days=30,
        team_member_kinds=kinds,
        end_user_kinds=kinds,
        version=1,
        updated_at=now,
    )
