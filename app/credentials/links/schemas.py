"""Request bodies of links."""

from typing import Annotated

from app.accounts.users.schemas import GivenEmail
from app.credentials.links.rules import PREFIX
from app.credentials.passwords.schemas import ChosenPassword
from app.web.wire import Body, secret_field

Token = Annotated[str, secret_field(PREFIX)]


class PasswordLinkWanted(Body):
    """The e-mail address of a user who forgot the password."""

    email: GivenEmail


class PasswordChosen(Body):
    """The link's token, and the new password."""

    token: Token
    new_password: ChosenPassword


class EmailConfirmed(Body):
    """The link's token."""

    token: Token


class EmailChangeStopped(Body):
    """The token of the link that was sent to the old address."""

    token: Token
