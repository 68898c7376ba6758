"""Passwords on the wire: they come in, and never go out."""

from typing import Annotated

from pydantic import Field

from app.web.wire import Body


class PasswordChange(Body):
    """The password as it is, and as it shall be."""

    current_password: Annotated[str, Field(max_length=1024)]
    new_password: Annotated[str, Field(max_length=1024)]
