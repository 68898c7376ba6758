"""What is known of a user's second factor, and how a passcode is judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.second_factor import throttle
from app.second_factor.kinds.totp import algorithm as totp

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

    `authenticators` is how many the user has, whether they were judged or not.
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
    last_accepted_step: int
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Accepted:
    """The passcode is right and unused: this authenticator's, at this step."""

    authenticator_id: UUID
    step: int


@dataclass(frozen=True)
class AlreadyUsed:
    """The passcode is right and was accepted before; a new one begins in `retry_after` seconds."""

    retry_after: int


def judge_totp(
    candidates: Sequence[tuple[Authenticator, bytes]], digits: str, *, now: datetime
) -> Accepted | AlreadyUsed | None:
    """Judge six digits against the opened secrets of all candidates; None means wrong (RFC 6238 5.2)."""
    used = None
    for authenticator, secret in candidates:
        found = totp.match(secret, digits, now=now, last_accepted_step=authenticator.last_accepted_step)
        if found and not found.used:
            return Accepted(authenticator.id, found.step)
        if found:
            used = AlreadyUsed(totp.seconds_until_next(authenticator.last_accepted_step, now))
    return used
