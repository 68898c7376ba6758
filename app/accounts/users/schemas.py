"""A user on the wire."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from app.core.callers import Role
from app.web.wire import Answer

RoleName = Literal["owner", "admin", "agent", "end_user"]
StatusName = Literal["active", "suspended"]


class User(Answer):
    """A user of the account."""

    id: UUID
    email: str
    name: str
    role: Role
    status: StatusName
    external_id: str | None
    locale: str
    created_at: datetime
    last_sign_in_at: datetime | None
