"""Links on the wire."""

from typing import Annotated

from pydantic import Field

from app.web.wire import Body

Token = Annotated[str, Field(max_length=128)]


class PasswordLinkWanted(Body):
    """Who forgot the password."""

    email: Annotated[str, Field(max_length=320)]


class PasswordChosen(Body):
    """The link's token, and the password to be."""

    token: Token
    new_password: Annotated[str, Field(max_length=1024)]


class EmailConfirmed(Body):
    """The link's token."""

    token: Token


class EmailChangeStopped(Body):
    """The token of the link that the old address got."""

    token: Token
