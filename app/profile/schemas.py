"""Request schema of the user's own record (docs/api.md section 6)."""

from app.accounts.users.schemas import Locale, Name
from app.web.wire import LEFT_OUT, Body


class ProfileChange(Body):
    """The fields to change; omitted fields keep their values (RFC 7396)."""

    name: Name = LEFT_OUT
    locale: Locale = LEFT_OUT
