"""The device cookie (docs/api.md section 4): its name, its value, and how it is parsed.

The framework's cookie dictionary is not used, because it hides that a cookie name was sent twice.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from app.second_factor.trusted_devices.rules import DeviceToken, parse_device_token

MOST_USERS_IN_A_BROWSER = 10
_DAY_SECONDS = 86_400
_HEX_LENGTH = 16
_HEX = re.compile(f"[0-9a-f]{{{_HEX_LENGTH}}}")


@dataclass(frozen=True)
class DeviceCookies:
    """The well-formed device cookies of a request, by name, and how to name and set cookies."""

    tokens: dict[str, DeviceToken]
    secure: bool

    def name(self, user_id: UUID) -> str:
        """Return the name of the user's cookie."""
        return _prefix(secure=self.secure) + hashlib.sha256(str(user_id).encode()).hexdigest()[:_HEX_LENGTH]

    def token_of(self, user_id: UUID) -> DeviceToken | None:
        """Return the token that the browser sent for this user."""
        return self.tokens.get(self.name(user_id))

    def set_cookie_headers(self, user_id: UUID, token: DeviceToken, days: int) -> list[str]:
        """Return the `Set-Cookie` values that store the token in the browser.

        A browser keeps the cookies of at most ten users; beyond that, those of the devices trusted longest ago are
        expired. Device ids are UUIDv7, so their order is the order of trust.
        """
        mine = self.name(user_id)
        others = sorted((t.device_id, name) for name, t in self.tokens.items() if name != mine)
        surplus = others[: max(0, len(others) + 1 - MOST_USERS_IN_A_BROWSER)]
        return [
            self._set_cookie(mine, str(token), days * _DAY_SECONDS),
            *(self._set_cookie(name, "", 0) for _, name in surplus),
        ]

    def expire_headers(self, user_id: UUID, device_id: UUID | None = None) -> list[str]:
        """Return the `Set-Cookie` value that expires the user's cookie, if the browser sent it.

        With a `device_id`, only if the cookie identifies that device.
        """
        token = self.token_of(user_id)
        gone = token is not None and device_id in {None, token.device_id}
        return [self._set_cookie(self.name(user_id), "", 0)] if gone else []

    def _set_cookie(self, name: str, value: str, max_age: int) -> str:
        secure = "Secure; " if self.secure else ""
        return f"{name}={value}; {secure}HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age}"


def read_device_cookies(headers: Iterable[str], *, secure: bool) -> DeviceCookies:
    """Parse the `Cookie` headers of a request.

    A cookie that is malformed, foreign, oversized or sent twice is ignored.
    """
    values: dict[str, list[str]] = {}
    for pair in "; ".join(headers).split(";"):
        name, _, value = pair.strip().partition("=")
        if _is_ours(name, secure=secure):
            values.setdefault(name, []).append(value)
    tokens = {name: parse_device_token(found[0]) for name, found in values.items() if len(found) == 1}
    return DeviceCookies({name: token for name, token in tokens.items() if token}, secure)


def _prefix(*, secure: bool) -> str:
    return "__Host-passgate_device_" if secure else "passgate_device_"


def _is_ours(name: str, *, secure: bool) -> bool:
    prefix = _prefix(secure=secure)
    return name.startswith(prefix) and _HEX.fullmatch(name, len(prefix)) is not None
