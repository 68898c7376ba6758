"""Sessions, and when they expire."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.callers import Role
from app.second_factor.kinds.registry import assurance

PREFIX = "pgs_"
LAST_SEEN_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True)
class Timeouts:
    """The inactivity timeout and the overall timeout of a session."""

    idle: timedelta
    overall: timedelta


TEAM_MEMBER = Timeouts(idle=timedelta(hours=1), overall=timedelta(hours=24))
END_USER = Timeouts(idle=timedelta(hours=8), overall=timedelta(days=30))


def lifetime_of(role: Role) -> Timeouts:
    """Return the timeouts of sessions of users with this role."""
    return TEAM_MEMBER if role.is_team_member else END_USER


@dataclass(frozen=True)
class Session:
    """The session that a completed sign-in created; only a digest of its token is stored."""

    id: UUID
    user_id: UUID
    amr: tuple[str, ...]
    first_factor_at: datetime | None
    second_factor_at: datetime | None
    created_at: datetime
    last_seen_at: datetime
    ip: str
    user_agent: str

    @property
    def assurance(self) -> str:
        """The assurance level of the session."""
        return assurance(self.amr, self.second_factor_at)

    @property
    def authenticated_at(self) -> datetime:
        """When the user last proved a factor in this session."""
        return max(at for at in (self.created_at, self.first_factor_at, self.second_factor_at) if at)

    def expires_at(self, role: Role) -> datetime:
        """Return when the session of a user with this role expires if it is not used again."""
        lifetime = lifetime_of(role)
        return min(self.last_seen_at + lifetime.idle, self.created_at + lifetime.overall)
