"""Parsing of what a user types as a second factor: six digits or a recovery code."""

import re
import secrets
from dataclasses import dataclass, field

LONGEST_INPUT = 64
_HALF = 7
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32: 5 bits a character, without i, l, o and u
_LOOK_ALIKE = str.maketrans("oil", "011")

_SPACES = re.compile("[ \u00a0\u2009\u202f]")  # also the no-break and thin spaces of copied text
_SIX_DIGITS = re.compile("[0-9]{6}")
_RECOVERY_CODE = re.compile("([0-9A-Za-z]{7})-?([0-9A-Za-z]{7})")


@dataclass(frozen=True)
class SixDigits:
    """Six ASCII digits."""

    digits: str = field(repr=False)


@dataclass(frozen=True)
class RecoveryCode:
    """Fourteen characters of Crockford's base32 in lower case, without the dash."""

    characters: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The form that people see: `xxxxxxx-xxxxxxx`."""
        return f"{self.characters[:_HALF]}-{self.characters[_HALF:]}"


def parse(text: str) -> SixDigits | RecoveryCode | None:
    """Parse the text; None if it is neither. That costs no attempt (docs/api.md section 4).

    Spaces do not matter: authenticator apps show `123 456`. Otherwise a passcode is exactly six ASCII digits. Only
    these digits are kept, so that another spelling of a used passcode is not a new one (CVE-2025-6014). In a
    recovery code, letter case and the dash do not matter either; o means 0, i and l mean 1.
    """
    if len(text) > LONGEST_INPUT:
        return None
    typed = _SPACES.sub("", text)
    if _SIX_DIGITS.fullmatch(typed):
        return SixDigits(typed)
    halves = _RECOVERY_CODE.fullmatch(typed)
    if halves is None:
        return None
    characters = (halves[1] + halves[2]).lower().translate(_LOOK_ALIKE)
    return None if "u" in characters else RecoveryCode(characters)


def new_recovery_code() -> RecoveryCode:
    """Return a code of 70 random bits (NIST SP 800-63B-4 4.2.1.1 requires 64)."""
    return RecoveryCode("".join(secrets.choice(_ALPHABET) for _ in range(2 * _HALF)))
