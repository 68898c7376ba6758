"""Passwords on the wire: they come in, and never go out."""

from app.web.wire import Body, GivenPassword


class PasswordChange(Body):
    """The password as it is, and as it shall be."""

    current_password: GivenPassword
    new_password: GivenPassword
