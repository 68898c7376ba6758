"""Authenticators whose challenge is six digits, and whose answer is those digits reversed."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.second_factor.kinds.kind import (
    Accepted,
    Confirmed,
    DisplayNames,
    Kind,
    NewChallenge,
    NewSecret,
    OpenedAuthenticator,
)


def _six_digits() -> str:
    return f"{secrets.randbelow(1_000_000):06}"


class ToyKind(Kind):
    """Accepts the challenge reversed; by default treated as unguessable, like a signature."""

    default_label = "Toy"
    challenge_lifetime = timedelta(minutes=5)
    enrollment_fields: Mapping[str, Mapping[str, Any]] = {"number": {"type": "string"}}
    challenge_fields: Mapping[str, Mapping[str, Any]] = {"number": {"type": "string", "description": "six digits"}}

    def __init__(self, name: str, *, guessable: bool = False, assurance: str = "aal2") -> None:
        self.name = self.amr = name
        self.guessable = guessable
        self.assurance = assurance

    def begin(self, enrollee: DisplayNames) -> NewSecret:
        number = _six_digits()
        assert enrollee.email
        return NewSecret(number.encode(), {"number": number})

    def parse(self, given: str) -> str | None:
        return given[::-1]

    def confirm(self, secret: bytes, answer: str, *, now: datetime) -> Confirmed | None:
        assert now
        return Confirmed(b"of no use", 0) if answer.encode() == secret else None

    def new_challenge(self, authenticator: OpenedAuthenticator) -> NewChallenge:
        assert authenticator.secret == b"of no use"
        number = _six_digits()
        return NewChallenge(number.encode(), {"number": number})

    def judge(self, known: Sequence[OpenedAuthenticator], answer: str, *, now: datetime) -> Accepted | None:
        assert now
        right = [one for one in known if one.challenge == answer.encode()]
        return Accepted(right[0].id) if right else None


TOY = ToyKind("toy")
LETTER = ToyKind("toy_letter", guessable=True, assurance="aal1")
"""Like a passcode sent by e-mail: guessable, and too weak for `aal2`."""
