"""The context of a request, and its authenticated caller."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """The role of a user in the account."""

    OWNER = "owner"
    ADMIN = "admin"
    AGENT = "agent"
    END_USER = "end_user"

    @property
    def is_team_member(self) -> bool:
        """Whether this is the owner, an admin or an agent."""
        return self is not Role.END_USER


TEAM = frozenset({Role.OWNER, Role.ADMIN, Role.AGENT})
ADMINS = frozenset({Role.OWNER, Role.ADMIN})
EVERYBODY = frozenset(Role)


@dataclass(frozen=True)
class RequestContext:
    """Account, server time, client IP, user agent, request id; nobody is authenticated yet."""

    account_id: UUID
    now: datetime
    ip: str
    user_agent: str
    request_id: str
    in_test_account: bool = False


class Credential(StrEnum):
    """The kind of credential that a call is authenticated with."""

    SESSION = "session"
    API_TOKEN = "api_token"  # noqa: S105 -- the name of a credential
    PASSWORD = "password"  # noqa: S105 -- as above


@dataclass(frozen=True)
class Caller:
    """The authenticated user, as read from the database at the beginning of the request."""

    context: RequestContext
    credential: Credential
    user_id: UUID
    session_id: UUID
    email: str
    role: Role
    has_authenticator: bool
    required_by_account: bool
    first_factor_at: datetime | None = None
    second_factor_at: datetime | None = None
    assurance: str = "aal1"
    scopes: frozenset[str] = frozenset()
    token_id: UUID | None = None
    signs_in_admins: bool = False
    is_service: bool = False

    @property
    def must_set_up_two_factor(self) -> bool:
        """Whether the account requires 2FA of the caller, who has no confirmed authenticator."""
        return self.required_by_account and not self.has_authenticator

    @property
    def account_id(self) -> UUID:
        """The account of the user; the caller may see only this account."""
        return self.context.account_id

    @property
    def now(self) -> datetime:
        """The server time of the request."""
        return self.context.now
