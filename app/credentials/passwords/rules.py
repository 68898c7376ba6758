"""Rules for new passwords (NIST SP 800-63B-4 3.1.1.2): length, not common, not user data."""

import functools

from app.core.errors import FieldError, InvalidRequest
from app.crypto.passwords import is_too_long, normalize_password

SHORTEST = 8
LONGEST = 256
_MOST_USED = 10_000
_TOO_LONG = ("too_long", f"A password has at most {LONGEST} characters.")


@functools.cache
def _most_used() -> frozenset[str]:
    # zxcvbn's list of common passwords, most used first.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 -- 12 MB that no sign-in needs

    return frozenset(FREQUENCY_LISTS["passwords"][:_MOST_USED])


def reason_to_refuse(password: str, *, about_user: tuple[str, ...]) -> tuple[str, str] | None:
    """Return why the password is not allowed, as a code and a sentence; None if it is allowed.

    Length is counted in code points after NFC. The password must not equal one of `about_user`: the e-mail
    address, the user's name, the account's name and slug.
    """
    if is_too_long(password):
        return _TOO_LONG
    normal = normalize_password(password)
    folded = normal.casefold()
    if len(normal) < SHORTEST:
        return "too_short", f"A password has at least {SHORTEST} characters."
    if len(normal) > LONGEST:
        return _TOO_LONG
    if folded in _most_used():
        return "too_common", "This password is one of the 10,000 most used."
    told = [text for text in about_user if not is_too_long(text)]  # a longer text is no valid password
    if folded in {normalize_password(text).strip().casefold() for text in told}:
        return "too_obvious", "A password must not be the e-mail address, the name or the account."
    return None


def check_new_password(password: str, pointer: str, *, about_user: tuple[str, ...]) -> None:
    """Raise `InvalidRequest`, with the reason at `pointer`, if the password is not allowed."""
    found = reason_to_refuse(password, about_user=about_user)
    if found:
        raise InvalidRequest("The new password cannot be used.", FieldError(pointer, *found))
