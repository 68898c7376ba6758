"""What the contract says of one user: a model of the table in its section 4, written from there."""

from dataclasses import dataclass
from datetime import datetime


@dataclass
class Expected:
    """What the contract says of one user."""

    active: bool = True
    enrolled: bool = False
    turned_on: bool = False
    at_every_sign_in: bool = False
    trusted_at: datetime | None = None
    trusted_days: int = 0

    def trust(self, now: datetime, days: int) -> None:
        """Trust the user's own browser, unless the policy or the user wants no such thing."""
        if days and not self.at_every_sign_in:
            self.trusted_at, self.trusted_days = now, days

    def answer(self, *, required: bool, trusted: bool) -> str:
        """Return the answer of the table's row."""
        if not self.enrolled:
            return "enrollment_required" if required else "complete"
        return "passcode_required" if (required or self.turned_on) and not trusted else "complete"

    def status(self, *, required: bool) -> str:
        """Return what the user's two-factor authentication is called."""
        if not self.enrolled:
            return "setup_required" if required else "off"
        return "on" if required or self.turned_on else "off"
