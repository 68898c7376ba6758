"""Request bodies with passwords; no response contains one."""

from typing import Annotated

from app.credentials.passwords.rules import LONGEST, SHORTEST
from app.web.wire import Body, GivenPassword, documented

# How long a password may be is judged by code of ours, in code points after NFC.
ChosenPassword = Annotated[GivenPassword, documented(minLength=SHORTEST, maxLength=LONGEST)]


class PasswordChange(Body):
    """The current password, and the new one."""

    current_password: GivenPassword
    new_password: ChosenPassword
