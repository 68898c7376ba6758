"""Links on the wire (docs/api.md section 9)."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from app.accounts.users.schemas import GivenEmail
from app.web.wire import Answer, Body, GivenPassword, Open


class PasswordLinkWanted(Body):
    """The e-mail address of a user who forgot the password."""

    email: GivenEmail


class LinkToken(Body):
    """The token of a link, which is the only credential."""

    token: Annotated[str, Field(max_length=128)]


class PasswordChosen(LinkToken):
    """The link's token, and the new password."""

    new_password: GivenPassword


class LinkDetails(Answer):
    """What the holder of an open link may see of it; the e-mail addresses are masked."""

    purpose: Open[Literal["invitation", "password", "email", "email_stop", "report"]]
    account_name: str
    name: str
    email: str
    new_email: str | None
    expires_at: datetime
