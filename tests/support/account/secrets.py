"""Collects the secrets of a test, and finds them in texts where they must not be."""

import base64
import re

from tests.support.account.arrange import PASSWORD, SimulatedUser

NEW_PASSWORD = "a brand new password"


class Secrets:
    """All secrets that must never be in a log, an event, or an answer."""

    def __init__(self) -> None:
        self.texts: set[str] = {PASSWORD, NEW_PASSWORD, "not the password"}
        self.passcodes: set[str] = set()

    def note(self, *texts: str) -> None:
        self.texts |= set(texts)

    def note_session(self, person: SimulatedUser) -> None:
        self.texts.add(str(person.browser.token))
        self.texts |= {str(cookie.value) for cookie in person.browser.cookies.jar}

    def note_codes(self, codes: list[str]) -> None:
        for code in codes:
            self.texts |= {code, code.replace("-", ""), code.upper()}

    def note_secret(self, secret: str) -> None:
        raw = base64.b32decode(secret)
        self.texts |= {secret, raw.hex(), base64.b64encode(raw).decode()}

    def found_in(self, text: str) -> list[str]:
        found = [secret for secret in self.texts if secret in text or secret.encode().hex() in text]
        found += re.findall(r"pg[isdtrpc]_[A-Za-z0-9_.-]{20,}", text)
        return found + re.findall(r"otpauth:|\$argon2", text)
