"""A model of the table in docs/api.md section 4: the answers that one user must get."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class Device:
    """A device that became trusted by a passcode. It keeps its token after the trust has ended."""

    token: str
    trusted_at: datetime
    days: int
    revoked: bool = False


@dataclass
class Expected:
    """The expected state of one user under a policy."""

    required: bool = False
    policy_days: int = 30
    enrolled: bool = False
    turned_on: bool = False
    at_every_sign_in: bool = False
    devices: list[Device] = field(default_factory=list)

    @property
    def becomes_trusted(self) -> bool:
        """Whether a passcode makes a device trusted if the client asks for it."""
        return self.policy_days > 0 and not self.at_every_sign_in

    def ends_at(self, device: Device) -> datetime:
        """Return when trust ends: the smaller of the policy's days then and now after the passcode."""
        return device.trusted_at + timedelta(days=min(device.days, self.policy_days))

    def trusted(self, now: datetime) -> list[Device]:
        """Return the devices that are trusted, oldest first."""
        return [device for device in self.devices if not device.revoked and now < self.ends_at(device)]

    def end_trust(self) -> None:
        """End the trust in every device."""
        for device in self.devices:
            device.revoked = True

    def answer(self, *, trusted: bool = False) -> str:
        """Return what the table answers to a right password from a device that is trusted or not."""
        if not self.enrolled:
            return "enrollment_required" if self.required else "complete"
        return "passcode_required" if (self.required or self.turned_on) and not trusted else "complete"

    @property
    def status(self) -> str:
        """The `status` of the user's two-factor authentication, as the API shows it."""
        if not self.enrolled:
            return "setup_required" if self.required else "off"
        return "on" if self.required or self.turned_on else "off"
