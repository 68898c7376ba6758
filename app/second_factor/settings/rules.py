"""The two-factor status of a user: on, off, setup required, or not applicable."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.second_factor.rules import Authenticator

MOST_AUTHENTICATORS = 5

Status = Literal["off", "on", "setup_required", "not_applicable"]


@dataclass(frozen=True)
class TwoFactor:
    """The two-factor settings of a user as they may be shown, without secrets."""

    status: Status
    required_by_account: bool
    turned_on_by_user: bool
    passcode_frequency: str
    authenticators: list[Authenticator]
    recovery_codes_left: int
    trusted_devices: int
    last_passcode_at: datetime | None


def status(*, required: bool, has_authenticator: bool, turned_on_by_user: bool, third_party_only: bool) -> Status:
    """Return the two-factor status of a user; `has_status` is the same rule in SQL.

    `on`: an untrusted device needs a passcode. `setup_required`: the next sign-in must enroll. `not_applicable`:
    the user has no authenticator and signs in by a third party alone, so no sign-in ever asks for one.
    """
    if has_authenticator:
        return "on" if required or turned_on_by_user else "off"
    if third_party_only:
        return "not_applicable"
    return "setup_required" if required else "off"
