"""Request bodies of links."""

from typing import Annotated

from pydantic import Field

from app.accounts.users.schemas import GivenEmail
from app.web.wire import Body, GivenPassword

Token = Annotated[str, Field(max_length=128)]


class PasswordLinkWanted(Body):
    """The e-mail address of a user who forgot the password."""

    email: GivenEmail


class PasswordChosen(Body):
    """The link's token, and the new password."""

    token: Token
    new_password: GivenPassword


class EmailConfirmed(Body):
    """The link's token."""

    token: Token


class EmailChangeStopped(Body):
    """The token of the link that was sent to the old address."""

    token: Token
