"""The state of a user's second factor, and how passcodes and challenge answers are judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.second_factor import throttle
from app.second_factor.kinds.kind import Accepted, AlreadyUsed, Kind, OpenedAuthenticator
from app.second_factor.kinds.registry import find_kind

EVERY_SIGN_IN = "every_sign_in"
NO_VERSION = -1
"""A version that no state has: a statement with this version matches no row."""


@dataclass(frozen=True)
class SecondFactorState:
    """A row of `second_factor_state`. Every change of a user's second factor locks it first."""

    version: int
    failures: int
    blocked_until: datetime | None
    authenticators_disabled_at: datetime | None
    turned_on_by_user: bool
    passcode_frequency: str
    last_passcode_at: datetime | None


def after_failure(state: SecondFactorState, now: datetime, *, authenticators: int) -> SecondFactorState:
    """Return the state after one more failure in a row at sign-in: count, block and disabling.

    `authenticators` is the number of the user's guessable authenticators, whether or not this attempt tried them.
    """
    failures = state.failures + 1
    block = throttle.block_after(failures)
    disabled_at = state.authenticators_disabled_at
    if failures >= throttle.disable_at(authenticators):
        disabled_at = disabled_at or now
    return replace(
        state,
        failures=failures,
        blocked_until=now + block if block else None,
        authenticators_disabled_at=disabled_at,
    )


@dataclass(frozen=True)
class Authenticator:
    """A confirmed authenticator, with its secret still sealed."""

    id: UUID
    kind: str
    label: str
    sealed_secret: bytes
    counter: int
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class AcceptedAnswer:
    """A correct and unused answer, and the kind of the authenticator that it matched."""

    kind: Kind
    accepted: Accepted


def guessable(authenticators: Sequence[Authenticator]) -> list[Authenticator]:
    """Return the guessable authenticators: the throttle applies only to these."""
    return [known for known in authenticators if (kind := find_kind(known.kind)) and kind.guessable]


def judge(
    candidates: Sequence[tuple[Authenticator, bytes]], given: str, *, now: datetime, challenge: bytes | None = None
) -> AcceptedAnswer | AlreadyUsed | None:
    """Check `given` against the candidates' decrypted secrets, kind by kind; None means wrong.

    With a `challenge`, only candidates whose kind uses challenges are tried; without one, only the others.
    """
    used = None
    for name in dict.fromkeys(authenticator.kind for authenticator, _ in candidates):
        kind = find_kind(name)
        answer = kind and kind.parse(given)
        if kind is None or answer is None or (kind.challenge_lifetime is not None) != (challenge is not None):
            continue
        opened = [
            OpenedAuthenticator(authenticator.id, secret, authenticator.counter, challenge)
            for authenticator, secret in candidates
            if authenticator.kind == name
        ]
        verdict = kind.judge(opened, answer, now=now)
        if isinstance(verdict, Accepted):
            return AcceptedAnswer(kind, verdict)
        used = verdict or used
    return used
