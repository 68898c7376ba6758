"""Links on the wire (docs/api.md section 9)."""

from datetime import datetime
from typing import Annotated, Literal

from app.accounts.users.schemas import GivenEmail
from app.credentials.links.rules import PREFIX
from app.credentials.passwords.schemas import ChosenPassword
from app.web.wire import Answer, Body, Open, secret_field


class PasswordLinkWanted(Body):
    """The e-mail address of a user who forgot the password."""

    email: GivenEmail


class LinkToken(Body):
    """The token of a link, which is the only credential."""

    token: Annotated[str, secret_field(PREFIX)]


class PasswordChosen(LinkToken):
    """The link's token, and the new password."""

    new_password: ChosenPassword


class LinkDetails(Answer):
    """What the holder of an open link may see of it; the e-mail addresses are masked."""

    purpose: Open[Literal["invitation", "password", "email", "email_stop", "report"]]
    account_name: str
    name: str
    email: str
    new_email: str | None
    expires_at: datetime
