"""An authenticator app written from RFC 6238, independent of the code under test."""

import base64
import hashlib
import hmac
import struct

from tests.support.account.clock import TurnableClock


class AuthenticatorApp:
    """Computes TOTP passcodes at the time of the test's clock."""

    def __init__(self, secret: str, clock: TurnableClock) -> None:
        self.secret = secret
        self._key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        self._clock = clock

    def passcode(self, steps_ahead: int = 0) -> str:
        step = int(self._clock.now().timestamp()) // 30 + steps_ahead
        mac = hmac.digest(self._key, struct.pack(">Q", step), hashlib.sha1)
        number = struct.unpack_from(">I", mac, mac[-1] & 15)[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"

    def next_passcode(self) -> str:
        """Turn the clock to the next time step, and return its passcode, which was never used."""
        self._clock.turn(seconds=30)
        return self.passcode()

    def wrong_passcode(self) -> str:
        """Return six digits that are not the passcode of any time step near now."""
        near = {self.passcode(ahead) for ahead in range(-3, 4)}
        return next(
            digits
            for digits in ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777")
            if digits not in near
        )
