"""The outcomes of a sign-in step, and the client's device."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.users.rules import User
from app.second_factor.rules import Authenticator
from app.second_factor.trusted_devices.cookies import DeviceCookies
from app.second_factor.trusted_devices.rules import NO_TRUST_ASKED, DeviceToken, NotTrusted, Trust, TrustRequest
from app.sessions.rules import Session
from app.sign_in.rules import NextStep


@dataclass(frozen=True)
class Completed:
    """A completed sign-in; `by_trusted_device` says whether a trusted device replaced the passcode.

    `not_trusted` says why there is no `trust`, if a second factor was proven.
    """

    session: Session
    token: str
    user: User
    trust: Trust | None = None
    not_trusted: NotTrusted | None = None
    recovery_codes_left: int = 0
    by_trusted_device: bool = False


@dataclass(frozen=True)
class CompletedByEnrollment:
    """A sign-in that was completed by an enrollment, with the recovery codes to show once."""

    completed: Completed
    recovery_codes: list[str]


@dataclass(frozen=True)
class Waiting:
    """A sign-in that waits for its next step; only a digest of the token is stored."""

    next_step: NextStep
    token: str
    expires_at: datetime
    authenticators: list[Authenticator]
    allowed_kinds: tuple[str, ...]


@dataclass(frozen=True)
class Device:
    """The client's device: the device tokens that it sent, and whether it asks to be trusted."""

    cookies: DeviceCookies
    token: DeviceToken | None = None
    asked: TrustRequest = NO_TRUST_ASKED

    def tokens_of(self, user_id: UUID) -> list[DeviceToken]:
        """Return the device tokens sent for this user: from the cookie, the body, or both."""
        return [token for token in (self.cookies.token_of(user_id), self.token) if token]
