"""Time-based passcodes: RFC 6238 with SHA-1, six digits, 30 seconds and T0 = 0."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyotp import HOTP

STEP_SECONDS = 30
WINDOW = 1  # steps either side of the current one; RFC 6238 5.2 recommends at most one

_DIGITS = 6
_SECRET_BYTES = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(seconds=STEP_SECONDS)


class _Hotp(HOTP):
    """pyotp's, which decodes its secret for every passcode; this one does it once."""

    _decoded = b""

    def __init__(self, secret: bytes) -> None:
        super().__init__(encode_secret(secret), digits=_DIGITS, digest=hashlib.sha1)

    def byte_secret(self) -> bytes:
        self._decoded = self._decoded or super().byte_secret()
        return self._decoded


@dataclass(frozen=True)
class Match:
    """The step that a passcode belongs to, and whether it or a later one was accepted before."""

    step: int
    used: bool


def new_secret() -> bytes:
    """Return 160 bits of the system's randomness (RFC 4226 4, R6)."""
    return secrets.token_bytes(_SECRET_BYTES)


def encode_secret(secret: bytes) -> str:
    """Return the secret in base32 without padding, as authenticator apps read it."""
    return base64.b32encode(secret).decode().rstrip("=")


def step_at(now: datetime) -> int:
    """Return the number of whole steps since 1970 (RFC 6238 4.2); `now` is aware, else `TypeError`."""
    return (now - _EPOCH) // _STEP


def passcode_at(secret: bytes, step: int) -> str:
    """Return a step's six digits (RFC 4226 5.3); `ValueError` for a negative step or a secret under 112 bits."""
    return _Hotp(secret).at(step)


def match(secret: bytes, passcode: str, *, now: datetime, last_accepted_step: int | None) -> Match | None:
    """Find the step that `passcode` belongs to: the current one or one either side (RFC 6238 5.2), else None.

    The match is `used` when its step is not greater than `last_accepted_step`. Who accepts it stores its step, by
    a statement that lets only a greater step in: two calls at once may both see a match that is not used.
    """
    current = step_at(now)
    hotp = _Hotp(secret)
    found = None
    for step in range(max(0, current - WINDOW), current + WINDOW + 1):
        # No early end: the time taken must not tell which step matched.
        if hmac.compare_digest(hotp.at(step).encode(), passcode.encode()):
            # Two steps of the window can share a passcode. The highest counts, so that the same digits can never
            # be accepted twice: by the lowest they would be let in once for each of the two.
            found = step
    if found is None:
        return None
    return Match(step=found, used=last_accepted_step is not None and found <= last_accepted_step)


def seconds_until_next(last_accepted_step: int, now: datetime) -> int:
    """Return the whole seconds, rounded up and at least 1, until the passcode after the last accepted one begins.

    They are those of an authenticator whose clock agrees with the service's.
    """
    begins = _EPOCH + (last_accepted_step + 1) * _STEP
    return max(1, -((now - begins) // timedelta(seconds=1)))
