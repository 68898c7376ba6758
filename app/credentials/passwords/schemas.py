"""Request bodies with passwords; no response contains one."""

from app.web.wire import Body, GivenPassword


class PasswordChange(Body):
    """The current password, and the new one."""

    current_password: GivenPassword
    new_password: GivenPassword
