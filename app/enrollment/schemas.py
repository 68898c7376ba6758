"""Enrollment on the wire (docs/api.md section 5)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from app.second_factor.kinds.kind import Kind
from app.second_factor.schemas import KindAnswer, KindFields, KindName, ShownKind
from app.second_factor.settings.schemas import Authenticator, Label
from app.web.wire import LEFT_OUT, Answer, Body

Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class NewEnrollment(Body):
    """Which kind of authenticator, and what the user calls it."""

    kind: KindName
    label: Annotated[Label, Field(description="by default what the kind is called")] = LEFT_OUT


class Enrollment(KindAnswer):
    """What the authenticator app must know; shown this once. A newer enrollment voids an older one."""

    id: UUID
    kind: ShownKind
    expires_at: datetime

    @classmethod
    def fields_of(cls, kind: Kind) -> KindFields:
        """Return what the kind shows once."""
        return kind.enrollment_fields


class Confirmation(Body):
    """The passcode that the new authenticator shows."""

    passcode: Digits


class Confirmed(Answer):
    """The authenticator, and with the first one the recovery codes, shown this once."""

    authenticator: Authenticator
    recovery_codes: list[str] | None
