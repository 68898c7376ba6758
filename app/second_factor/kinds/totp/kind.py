"""TOTP as an authenticator kind. Its counter is the last accepted time step."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.second_factor.kinds.kind import (
    Accepted,
    AlreadyUsed,
    Confirmed,
    DisplayNames,
    Kind,
    NewSecret,
    OpenedAuthenticator,
)
from app.second_factor.kinds.totp import algorithm
from app.second_factor.kinds.totp.otpauth_uri import otpauth_uri, qr_code_svg

_PASSCODE = re.compile("[0-9]{6}")


class TotpKind(Kind):
    """Passcodes of an authenticator app, computed from the time and a shared secret (RFC 6238)."""

    name = "totp"
    amr = "otp"
    default_label = "Authenticator app"
    enrollment_fields: Mapping[str, Mapping[str, Any]] = {
        "secret": {"type": "string", "description": "160 bits in base32, without padding"},
        "otpauth_uri": {"type": "string"},
        "qr_code_svg": {"type": "string", "description": "the URI as a QR code, an <svg> element"},
    }

    def begin(self, enrollee: DisplayNames) -> NewSecret:
        """Make a secret, shown as base32 text, as a URI and as a QR code."""
        secret = algorithm.new_secret()
        uri = otpauth_uri(account_name=enrollee.account_name, email=enrollee.email, secret=secret)
        shown = {"secret": algorithm.encode_secret(secret), "otpauth_uri": uri, "qr_code_svg": qr_code_svg(uri)}
        return NewSecret(secret, shown)

    def parse(self, given: str) -> str | None:
        """Parse exactly six ASCII digits: a used passcode must not pass in another spelling."""
        return given if _PASSCODE.fullmatch(given) else None

    def confirm(self, secret: bytes, answer: str, *, now: datetime) -> Confirmed | None:
        """Accept a passcode of the window (RFC 6238 5.2); the highest matching step counts."""
        found = algorithm.match(secret, answer, now=now, last_accepted_step=None)
        return Confirmed(secret, found.step) if found else None

    def judge(
        self, known: Sequence[OpenedAuthenticator], answer: str, *, now: datetime
    ) -> Accepted | AlreadyUsed | None:
        """Check six digits against each secret; the step must be greater than the last accepted.

        So a passcode is accepted only once (RFC 6238 5.2).
        """
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
