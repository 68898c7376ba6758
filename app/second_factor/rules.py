"""What is known of a user's second factor, and how an answer is judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.second_factor import throttle
from app.second_factor.kinds.kind import Accepted, AlreadyUsed, Kind, OpenedAuthenticator
from app.second_factor.kinds.registry import find_kind

EVERY_SIGN_IN = "every_sign_in"
NO_VERSION = -1
"""The version of no state: a statement that asks for it matches nobody."""


@dataclass(frozen=True)
class SecondFactorState:
    """The narrow row that every change of a user's second factor locks."""

    version: int
    failures: int
    blocked_until: datetime | None
    authenticators_disabled_at: datetime | None
    turned_on_by_user: bool
    passcode_frequency: str
    last_passcode_at: datetime | None


def after_failure(state: SecondFactorState, now: datetime, *, authenticators: int) -> SecondFactorState:
    """Return the state with one failure more in a row at sign-in, and what so many bring with them.

    `authenticators` is how many the user has that can be guessed, whether they were judged or not.
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
    """A confirmed authenticator; the secret stays sealed."""

    id: UUID
    kind: str
    label: str
    sealed_secret: bytes
    counter: int
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class ProvenBy:
    """A right and unused answer, and the kind of the authenticator that it is of."""

    kind: Kind
    accepted: Accepted


def guessable(authenticators: Sequence[Authenticator]) -> list[Authenticator]:
    """Return those that the throttle is about: the others are never counted, blocked or disabled by it."""
    return [known for known in authenticators if (kind := find_kind(known.kind)) and kind.guessable]


def judge(
    candidates: Sequence[tuple[Authenticator, bytes]], given: str, *, now: datetime, challenge: bytes | None = None
) -> ProvenBy | AlreadyUsed | None:
    """Judge what was given by the opened secrets of all candidates, kind by kind; None means wrong.

    `challenge` is what was asked of a candidate whose kind asks; without it such a one is passed over.
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
            return ProvenBy(kind, verdict)
        used = verdict or used
    return used
