"""What the contract says of one user: a model of the table in its section 4, written from there."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class Device:
    """A device that became trusted by a passcode, and the token that it keeps whatever becomes of the trust."""

    token: str
    trusted_at: datetime
    days: int
    revoked: bool = False


@dataclass
class Expected:
    """What the contract says of one user, at a policy."""

    required: bool = False
    policy_days: int = 30
    enrolled: bool = False
    turned_on: bool = False
    at_every_sign_in: bool = False
    devices: list[Device] = field(default_factory=list)

    @property
    def becomes_trusted(self) -> bool:
        """Whether a device becomes trusted by a passcode, if that is asked for."""
        return self.policy_days > 0 and not self.at_every_sign_in

    def ends_at(self, device: Device) -> datetime:
        """Return when trust ends: counted from the passcode, by the smaller of the days then and now."""
        return device.trusted_at + timedelta(days=min(device.days, self.policy_days))

    def living(self, now: datetime) -> list[Device]:
        """Return the devices that are trusted, oldest first."""
        return [device for device in self.devices if not device.revoked and now < self.ends_at(device)]

    def end_trust(self) -> None:
        """End the trust in every device."""
        for device in self.devices:
            device.revoked = True

    def answer(self, *, trusted: bool = False) -> str:
        """Return the answer of the table's row, from a device that is trusted or not."""
        if not self.enrolled:
            return "enrollment_required" if self.required else "complete"
        return "passcode_required" if (self.required or self.turned_on) and not trusted else "complete"

    @property
    def status(self) -> str:
        """What the user's two-factor authentication is called."""
        if not self.enrolled:
            return "setup_required" if self.required else "off"
        return "on" if self.required or self.turned_on else "off"
