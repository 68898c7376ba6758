"""Enrollment on the wire (contract section 5)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.enrollment.rules import DEFAULT_LABEL
from app.second_factor.settings.schemas import Authenticator, Label
from app.web.wire import Answer, Body

TotpDigits = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class NewEnrollment(Body):
    """Which kind of authenticator, and what the user calls it."""

    kind: Literal["totp"]
    label: Label = DEFAULT_LABEL


class Enrollment(Answer):
    """What the authenticator app must know; shown this once. A newer enrollment voids an older one."""

    id: UUID
    kind: Literal["totp"]
    expires_at: datetime
    secret: str = Field(description="160 bits in base32, without padding")
    otpauth_uri: str
    qr_code_svg: str = Field(description="the URI as a QR code, an <svg> element")


class Confirmation(Body):
    """The passcode that the new authenticator shows."""

    passcode: TotpDigits


class Confirmed(Answer):
    """The authenticator, and with the first one the recovery codes, shown this once."""

    authenticator: Authenticator
    recovery_codes: list[str] | None
