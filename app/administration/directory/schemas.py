"""The directory on the wire (docs/api.md section 7)."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from app.accounts.users.rules import LONGEST_EMAIL, check_email
from app.accounts.users.schemas import Locale, Name, RoleName, StatusName, checked
from app.web.wire import LEFT_OUT, Body, BodyId, WithoutControls, documented

# What a pattern can say of the refused characters: no control characters.
_NO_CONTROLS = documented(pattern="^[^\\u0000-\\u001f\\u007f-\\u009f]*$")

Email = Annotated[
    str, StringConstraints(max_length=LONGEST_EMAIL), checked(check_email), documented(format="idn-email")
]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=255), WithoutControls, _NO_CONTROLS]


class NewUser(Body):
    """The user to invite."""

    email: Email
    name: Name
    role: RoleName
    external_id: ExternalId | None = None
    locale: Locale = "en"


class UserChange(Body):
    """The fields to change; omitted fields keep their values (RFC 7396).

    A new `email` takes effect when it is confirmed. `test_passcode` exists in test accounts only.
    """

    name: Name = LEFT_OUT
    role: RoleName = LEFT_OUT
    status: StatusName = LEFT_OUT
    external_id: ExternalId | None = LEFT_OUT
    email: Email = LEFT_OUT
    test_passcode: bool = LEFT_OUT


class NewServiceAccount(Body):
    """The service account to create."""

    name: Name
    role: Literal["admin", "agent"]


class OwnershipTransfer(Body):
    """The admin who becomes the owner."""

    user_id: BodyId
