"""The directory on the wire (docs/api.md section 7)."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from app.accounts.users.rules import LONGEST_EMAIL, LONGEST_NAME, check_email, check_name
from app.accounts.users.schemas import RoleName, StatusName
from app.core.errors import InvalidRequest
from app.web.wire import LEFT_OUT, Body, BodyId, documented


def _checked(check: Callable[[str], str]) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            return check(value)
        except InvalidRequest as error:
            raise ValueError(error.detail) from None

    return AfterValidator(validate)


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("not printable")
    return value


# What a pattern can say of `isprintable`: no control characters.
_PRINTABLE = documented(pattern="^[^\\u0000-\\u001f\\u007f-\\u009f]*$")

Email = Annotated[
    str, StringConstraints(max_length=LONGEST_EMAIL), _checked(check_email), documented(format="idn-email")
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), _checked(check_name), _PRINTABLE]
ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=255), AfterValidator(_printable), _PRINTABLE
]
Locale = Annotated[str, StringConstraints(pattern="^[a-z]{2,3}(-[A-Z]{2})?$")]


class NewUser(Body):
    """The user to invite."""

    email: Email
    name: Name
    role: RoleName
    external_id: ExternalId | None = None
    locale: Locale = "en"


class UserChange(Body):
    """The fields to change; omitted fields keep their values (RFC 7396).

    A new `email` takes effect when it is confirmed.
    """

    name: Name = LEFT_OUT
    role: RoleName = LEFT_OUT
    status: StatusName = LEFT_OUT
    external_id: ExternalId | None = LEFT_OUT
    email: Email = LEFT_OUT


class OwnershipTransfer(Body):
    """The admin who becomes the owner."""

    user_id: BodyId
