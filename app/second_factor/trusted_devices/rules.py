"""Which device may skip the passcode, and for how long."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.crypto.digests import digest, new_secret, same

PREFIX = "pgd_"
_TOKEN = re.compile(r"pgd_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class TrustedDevice:
    """A browser or app in which the user entered a passcode. The secret is kept as a digest."""

    id: UUID
    user_id: UUID
    secret_digest: bytes
    trusted_at: datetime
    days: int
    last_used_at: datetime | None
    ip: str
    user_agent: str

    def expires_at(self, policy_days: int) -> datetime:
        """Return when trust ends.

        It lasts, from the passcode on, the smaller of the policy's days at that time and its days now.
        """
        return self.trusted_at + timedelta(days=min(self.days, policy_days))


@dataclass(frozen=True)
class DeviceToken:
    """The token that a device sends: `pgd_<id>.<secret>`."""

    device_id: UUID
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.device_id}.{self.secret}"


@dataclass(frozen=True)
class Trust:
    """A newly trusted device, the token that the client stores, and for how long it is trusted."""

    device: TrustedDevice
    token: DeviceToken
    expires_at: datetime
    days: int


class NotTrusted(StrEnum):
    """Why a proven second factor did not make the device a trusted one."""

    NOT_ASKED = "not_asked"
    CROSS_SITE = "cross_site"
    RECOVERY_CODE = "recovery_code"
    EVERY_SIGN_IN = "every_sign_in"
    POLICY = "policy"


@dataclass(frozen=True)
class TrustRequest:
    """What the client asks for.

    `cross_site`: the token would go into a cookie, and the browser keeps no cookie from this request.
    """

    remember: bool = False
    cross_site: bool = False


NO_TRUST_ASKED = TrustRequest()


def reason_not_to_trust(
    asked: TrustRequest, *, every_sign_in: bool, by_recovery_code: bool, policy_days: int
) -> NotTrusted | None:
    """Return why the device is not trusted; None if it is, for `policy_days`."""
    reasons = (
        (not asked.remember, NotTrusted.NOT_ASKED),
        (asked.cross_site, NotTrusted.CROSS_SITE),
        (by_recovery_code, NotTrusted.RECOVERY_CODE),
        (every_sign_in, NotTrusted.EVERY_SIGN_IN),
        (policy_days == 0, NotTrusted.POLICY),
    )
    return next((reason for applies, reason in reasons if applies), None)


def new_device_token(device_id: UUID) -> DeviceToken:
    """Return a token with a new secret of 256 random bits."""
    return DeviceToken(device_id, new_secret(""))


def parse_device_token(text: str) -> DeviceToken | None:
    """Parse a device token; None if it is malformed."""
    found = _TOKEN.fullmatch(text)
    return DeviceToken(UUID(found[1]), found[2]) if found else None


def is_trusted(device: TrustedDevice, token: DeviceToken, *, policy_days: int, now: datetime) -> bool:
    """Whether the token belongs to this device and the trust has not expired."""
    return same(device.secret_digest, digest(token.secret)) and now < device.expires_at(policy_days)
