"""A user on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.accounts.users.rules import LONGEST_EMAIL
from app.core.callers import Role
from app.web.wire import Answer, Open

RoleName = Literal["owner", "admin", "agent", "end_user"]
StatusName = Literal["active", "suspended"]
# An address to find a user by. Its form is not checked: an invalid address finds nobody.
GivenEmail = Annotated[str, Field(max_length=LONGEST_EMAIL)]


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
