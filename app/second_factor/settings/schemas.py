"""Request and answer schemas of two-factor settings (docs/api.md section 5)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from app.second_factor.schemas import ShownKind
from app.web.wire import LEFT_OUT, NOT_BLANK, Answer, Body, Open

Label = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True), NOT_BLANK]
Frequency = Literal["every_30_days", "every_sign_in"]


class Authenticator(Answer):
    """An authenticator of a user; its secret is never shown again."""

    id: UUID
    kind: ShownKind
    label: str
    created_at: datetime
    last_used_at: datetime | None


class TwoFactor(Answer):
    """Two-factor settings. `status` is `on` if an untrusted device needs a passcode.

    It is `setup_required` if the next sign-in must enroll an authenticator.
    """

    status: Open[Literal["off", "on", "setup_required"]]
    required_by_account: bool
    turned_on_by_user: bool
    passcode_frequency: Open[Frequency]
    authenticators: list[Authenticator]
    recovery_codes_left: int
    trusted_devices: int
    last_passcode_at: datetime | None


class TwoFactorChange(Body):
    """How often a trusted device needs a passcode."""

    passcode_frequency: Frequency = LEFT_OUT


class AuthenticatorChange(Body):
    """A new label for an authenticator."""

    label: Label = LEFT_OUT


class RecoveryCodes(Answer):
    """A new set of recovery codes, shown only once; all older ones are void."""

    recovery_codes: list[str]


class RecoveryCodesForUser(Body):
    """Why another user gets new recovery codes; the audit log records the reason."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), NOT_BLANK]
