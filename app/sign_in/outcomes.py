"""The outcomes of a sign-in step, and the client's device."""

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
    """A newly trusted device, when the trust expires, and the token that the client stores."""

    device: TrustedDevice
    token: DeviceToken
    expires_at: datetime
    days: int


@dataclass(frozen=True)
class Completed:
    """A completed sign-in; `by_trusted_device` says whether a trusted device replaced the passcode."""

    session: Session
    token: str
    user: User
    trust: Trust | None = None
    recovery_codes_left: int = 0
    by_trusted_device: bool = False


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
    """The client's device: the device tokens that it sent, and whether to remember it."""

    cookies: DeviceCookies
    token: DeviceToken | None = None
    remember: bool = False

    def tokens_of(self, user_id: UUID) -> list[DeviceToken]:
        """Return the device tokens sent for this user: from the cookie, the body, or both."""
        return [token for token in (self.cookies.token_of(user_id), self.token) if token]
