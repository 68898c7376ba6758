"""Bodies about trusted devices. The secret is returned once, to the device itself."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.second_factor.trusted_devices.rules import NotTrusted
from app.web.wire import Answer, Body, Open


class TrustedDevice(Answer):
    """A browser or app that may skip the passcode until `expires_at`."""

    id: UUID
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    ip: str
    user_agent: str


class DeviceOptions(Body):
    """Whether to trust the device, and where the client stores the device token."""

    remember_device: bool = True
    device_storage: Literal["cookie", "body"] = "cookie"


class NewlyTrustedDevice(Answer):
    """A newly trusted device. `token` is null if it is in a cookie."""

    id: UUID
    expires_at: datetime
    token: str | None


class TrustOutcome(Answer):
    """The newly trusted device, or why there is none."""

    trusted_device: NewlyTrustedDevice | None
    not_trusted_because: Annotated[
        Open[NotTrusted] | None, Field(description="why `trusted_device` is null; null if it is not")
    ]
