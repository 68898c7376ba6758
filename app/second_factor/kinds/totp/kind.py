"""TOTP as an authenticator kind. Its counter is the highest step whose passcode was accepted."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.second_factor.kinds.kind import (
    Accepted,
    AlreadyUsed,
    Confirmed,
    Enrollee,
    Kind,
    NewSecret,
    OpenedAuthenticator,
)
from app.second_factor.kinds.totp import algorithm
from app.second_factor.kinds.totp.otpauth_uri import otpauth_uri, qr_code_svg

_PASSCODE = re.compile("[0-9]{6}")
BEFORE_ANY_STEP = -1
"""The counter of an authenticator whose passcodes were never accepted here."""


class TotpKind(Kind):
    """Passcodes of an authenticator app, by the time and a shared secret (RFC 6238)."""

    name = "totp"
    amr = "otp"
    default_label = "Authenticator app"
    enrollment_fields: Mapping[str, Mapping[str, Any]] = {
        "secret": {"type": "string", "description": "160 bits in base32, without padding"},
        "otpauth_uri": {"type": "string"},
        "qr_code_svg": {"type": "string", "description": "the URI as a QR code, an <svg> element"},
    }

    def begin(self, enrollee: Enrollee) -> NewSecret:
        """Make a secret, and show it as text, as a URI and as a QR code."""
        secret = algorithm.new_secret()
        uri = otpauth_uri(account_name=enrollee.account_name, email=enrollee.email, secret=secret)
        shown = {"secret": algorithm.encode_secret(secret), "otpauth_uri": uri, "qr_code_svg": qr_code_svg(uri)}
        return NewSecret(secret, shown)

    def parse(self, given: str) -> str | None:
        """Read exactly six ASCII digits: a second spelling of a used one could pass for a new one."""
        return given if _PASSCODE.fullmatch(given) else None

    def confirm(self, secret: bytes, answer: str, *, now: datetime) -> Confirmed | None:
        """Accept a passcode of the window; of two steps that share it, the highest counts (RFC 6238 5.2)."""
        found = algorithm.match(secret, answer, now=now, last_accepted_step=None)
        return Confirmed(secret, found.step) if found else None

    def judge(
        self, known: Sequence[OpenedAuthenticator], answer: str, *, now: datetime
    ) -> Accepted | AlreadyUsed | None:
        """Judge six digits by each secret; only a step after the last accepted one counts (RFC 6238 5.2)."""
        used = None
        for authenticator in known:
            last = authenticator.counter
            found = algorithm.match(authenticator.secret, answer, now=now, last_accepted_step=last)
            if found and not found.used:
                return Accepted(authenticator.id, found.step)
            if found:
                used = AlreadyUsed(algorithm.seconds_until_next(last, now))
        return used


TOTP = TotpKind()
