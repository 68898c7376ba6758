"""Request and response bodies of enrollment (docs/api.md section 5)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, PlainValidator, WithJsonSchema

from app.second_factor.kinds.kind import Kind
from app.second_factor.passcode import LONGEST_INPUT, SixDigits, parse
from app.second_factor.schemas import SIX_DIGITS_PATTERN, KindAnswer, KindFields, KindName, ShownKind
from app.second_factor.settings.schemas import Authenticator, Label
from app.second_factor.trusted_devices.schemas import DeviceOptions, TrustOutcome
from app.web.wire import LEFT_OUT, Body, malformed


def _digits(value: Any) -> str:
    passcode = parse(value) if isinstance(value, str) else None
    if not isinstance(passcode, SixDigits):
        raise malformed("A passcode is six digits. Spaces do not matter.")
    return passcode.digits


Digits = Annotated[
    str,
    PlainValidator(_digits),
    WithJsonSchema(
        {
            "type": "string",
            "description": "six ASCII digits",
            "pattern": f"^{SIX_DIGITS_PATTERN}$",
            "maxLength": LONGEST_INPUT,
        }
    ),
]


class NewEnrollment(Body):
    """The kind of authenticator, and its label."""

    kind: KindName
    label: Annotated[Label, Field(description="by default what the kind is called")] = LEFT_OUT


class Enrollment(KindAnswer):
    """The data for the authenticator app; shown only once. A new enrollment voids an older one."""

    id: UUID
    kind: ShownKind
    expires_at: datetime

    @classmethod
    def fields_of(cls, kind: Kind) -> KindFields:
        """Return the fields that the kind shows once."""
        return kind.enrollment_fields


class Confirmation(DeviceOptions):
    """The passcode that the new authenticator shows, and whether to trust this device."""

    passcode: Digits


class Confirmed(TrustOutcome):
    """The authenticator; if it is the first one, also the recovery codes, shown only once."""

    authenticator: Authenticator
    recovery_codes: list[str] | None
