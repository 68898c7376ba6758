"""What a sign-in comes to, and the device that it comes from."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.users.rules import User
from app.second_factor.rules import Authenticator
from app.second_factor.trusted_devices.cookies import DeviceCookies
from app.second_factor.trusted_devices.rules import DeviceToken, TrustedDevice
from app.sessions.rules import Session
from app.sign_in.rules import NextStep


@dataclass(frozen=True)
class Trust:
    """A device that has just become trusted, until when, and the token that it keeps."""

    device: TrustedDevice
    token: DeviceToken
    expires_at: datetime
    days: int


@dataclass(frozen=True)
class Completed:
    """A sign-in that is done."""

    session: Session
    token: str
    user: User
    trust: Trust | None = None
    recovery_codes_left: int = 0
    by_device: bool = False


@dataclass(frozen=True)
class Waiting:
    """A sign-in that waits for its next step; the token is shown this once."""

    next_step: NextStep
    token: str
    expires_at: datetime
    authenticators: list[Authenticator]
    allowed_kinds: tuple[str, ...]


@dataclass(frozen=True)
class Device:
    """The client's device: what it brought to be known by, and whether it wants to be remembered."""

    cookies: DeviceCookies
    token: DeviceToken | None = None
    remember: bool = False

    def tokens_of(self, user_id: UUID) -> list[DeviceToken]:
        """Return what the device brought for this user: by cookie, in the body, or both."""
        return [token for token in (self.cookies.token_of(user_id), self.token) if token]
