"""What a right password leads to (the truth table of docs/api.md section 4), and how long a sign-in lives."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

PREFIX = "pgi_"
LIFETIME = timedelta(minutes=10)


class NextStep(StrEnum):
    """What is still to be done after the password."""

    COMPLETE = "complete"
    PASSCODE = "passcode"
    ENROLLMENT = "enrollment"


@dataclass(frozen=True)
class SignIn:
    """A first factor proven and the second not yet."""

    id: UUID
    user_id: UUID
    next_step: NextStep
    version: int
    expires_at: datetime
    used_at: datetime | None
    asserted_by: UUID | None = None  # the API token by which a backend asserted the first factor

    def is_open(self, now: datetime) -> bool:
        """Whether its token may still be used, as far as the sign-in itself tells."""
        return self.used_at is None and now < self.expires_at


def next_step(
    *, required: bool, has_authenticator: bool, turned_on_by_user: bool, trusted_device: bool
) -> NextStep:
    """Return what a right password leads to.

    `trusted_device`: the device is trusted and the user's passcode frequency lets it count.
    """
    if not has_authenticator:
        return NextStep.ENROLLMENT if required else NextStep.COMPLETE
    asked = required or turned_on_by_user
    return NextStep.PASSCODE if asked and not trusted_device else NextStep.COMPLETE


def days_of_trust(*, remember: bool, every_sign_in: bool, by_recovery_code: bool, policy_days: int) -> int:
    """Return for how many days a device becomes trusted by a passcode; 0 means that it does not."""
    return policy_days if remember and not every_sign_in and not by_recovery_code else 0
