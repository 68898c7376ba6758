"""Links on the wire."""

from typing import Annotated

from pydantic import Field

from app.accounts.users.schemas import GivenEmail
from app.web.wire import Body, GivenPassword

Token = Annotated[str, Field(max_length=128)]


class PasswordLinkWanted(Body):
    """Who forgot the password."""

    email: GivenEmail


class PasswordChosen(Body):
    """The link's token, and the password to be."""

    token: Token
    new_password: GivenPassword


class EmailConfirmed(Body):
    """The link's token."""

    token: Token


class EmailChangeStopped(Body):
    """The token of the link that the old address got."""

    token: Token
