"""TOTP passcodes: RFC 6238 with SHA-1, six digits, time steps of 30 seconds and T0 = 0."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyotp import HOTP

STEP_SECONDS = 30
WINDOW = 1  # time steps before and after the current one; RFC 6238 5.2 recommends at most one

_DIGITS = 6
_SECRET_BYTES = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(seconds=STEP_SECONDS)


class _Hotp(HOTP):
    """pyotp's `HOTP`, but it decodes the secret once instead of for every passcode."""

    _decoded = b""

    def __init__(self, secret: bytes) -> None:
        super().__init__(encode_secret(secret), digits=_DIGITS, digest=hashlib.sha1)

    def byte_secret(self) -> bytes:
        self._decoded = self._decoded or super().byte_secret()
        return self._decoded


@dataclass(frozen=True)
class Match:
    """The time step of a passcode, and whether that step or a later one was accepted before."""

    step: int
    used: bool


def new_secret() -> bytes:
    """Return 160 random bits (RFC 4226 4, R6)."""
    return secrets.token_bytes(_SECRET_BYTES)


def encode_secret(secret: bytes) -> str:
    """Return the secret in base32 without padding, as authenticator apps read it."""
    return base64.b32encode(secret).decode().rstrip("=")


def step_at(now: datetime) -> int:
    """Return the time step of `now` (RFC 6238 4.2); raises `TypeError` if `now` is naive."""
    return (now - _EPOCH) // _STEP


def passcode_at(secret: bytes, step: int) -> str:
    """Return the six digits of a time step (RFC 4226 5.3).

    Raises `ValueError` for a negative step or a secret under 112 bits.
    """
    return _Hotp(secret).at(step)


def match(secret: bytes, passcode: str, *, now: datetime, last_accepted_step: int | None) -> Match | None:
    """Find the time step of `passcode`: current, previous or next (RFC 6238 5.2), else None.

    The match is `used` if its step is not greater than `last_accepted_step`. To accept it, the caller stores its
    step with a statement that only increases the stored step: two concurrent calls may both see an unused match.
    """
    current = step_at(now)
    hotp = _Hotp(secret)
    found = None
    for step in range(max(0, current - WINDOW), current + WINDOW + 1):
        # No early exit: the time taken must not reveal which step matched.
        if hmac.compare_digest(hotp.at(step).encode(), passcode.encode()):
            # Two steps of the window can have the same passcode. The highest step counts: with the lowest, the
            # same digits could be accepted twice, once for each step.
            found = step
    if found is None:
        return None
    return Match(step=found, used=last_accepted_step is not None and found <= last_accepted_step)


def seconds_until_next(last_accepted_step: int, now: datetime) -> int:
    """Return the whole seconds until the step after the last accepted one begins.

    Rounded up, at least 1. This assumes that the authenticator's clock agrees with the server's.
    """
    begins = _EPOCH + (last_accepted_step + 1) * _STEP
    return max(1, -((now - begins) // timedelta(seconds=1)))
