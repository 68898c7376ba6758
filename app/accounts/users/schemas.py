"""A user on the wire."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from app.accounts.users.rules import LONGEST_EMAIL, LONGEST_NAME, check_locale
from app.core.callers import Role
from app.core.errors import InvalidRequest
from app.core.language_tags import LONGEST_TAG, PATTERN
from app.web.wire import Answer, OneLine, Open, malformed

RoleName = Literal["owner", "admin", "agent", "end_user"]
StatusName = Literal["active", "suspended"]
KindName = Literal["person", "service"]
# An address to find a user by. Its form is not checked: an invalid address finds nobody.
GivenEmail = Annotated[str, Field(max_length=LONGEST_EMAIL)]
Name = Annotated[str, OneLine(LONGEST_NAME)]


def checked(check: Callable[[str], str]) -> AfterValidator:
    """Return a validator from a check of the rules, which raises `InvalidRequest`."""

    def validate(value: str) -> str:
        try:
            return check(value)
        except InvalidRequest as error:
            raise malformed(error.errors[0].detail) from None

    return AfterValidator(validate)


Locale = Annotated[
    str,
    Field(
        max_length=LONGEST_TAG,
        description="a language tag (BCP 47), such as `de-AT` or `zh-Hans`",
        json_schema_extra={"pattern": PATTERN},
    ),
    checked(check_locale),
]


class User(Answer):
    """A user of the account."""

    id: UUID
    email: str
    name: str
    role: Open[Role]
    status: Open[StatusName]
    external_id: str | None
    locale: str
    created_at: datetime
    last_sign_in_at: datetime | None
    kind: Open[KindName]
    test_passcode: bool


class UserDetails(User):
    """A user with what they have yet to do by a link.

    `pending_email` is the new address that they have yet to confirm. `invited` is true until they choose a
    password or sign in for the first time.
    """

    pending_email: str | None
    invited: bool
