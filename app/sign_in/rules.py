"""The step after a right password (table in docs/api.md section 4), and sign-in lifetime."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

PREFIX = "pgi_"
LIFETIME = timedelta(minutes=10)


class NextStep(StrEnum):
    """The step that follows the password."""

    COMPLETE = "complete"
    PASSCODE = "passcode"
    ENROLLMENT = "enrollment"


@dataclass(frozen=True)
class SignIn:
    """A sign-in whose first factor is proven and whose second factor is not."""

    id: UUID
    user_id: UUID
    next_step: NextStep
    version: int
    expires_at: datetime
    used_at: datetime | None
    asserted_by: UUID | None = None  # the API token by which a backend asserted the first factor

    def is_open(self, now: datetime) -> bool:
        """Whether its token is unused and not expired; `FoundSignIn.is_alive` has the user's side."""
        return self.used_at is None and now < self.expires_at


def next_step(
    *, required: bool, has_authenticator: bool, turned_on_by_user: bool, trusted_device: bool
) -> NextStep:
    """Return the step that follows a right password.

    `trusted_device`: the device is trusted, and the user's passcode frequency allows it to replace a passcode.
    """
    if not has_authenticator:
        return NextStep.ENROLLMENT if required else NextStep.COMPLETE
    asked = required or turned_on_by_user
    return NextStep.PASSCODE if asked and not trusted_device else NextStep.COMPLETE
