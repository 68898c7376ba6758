"""The authenticator kinds that exist. A new one is one entry here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from app.core.assurance import AAL1, AAL2, FIRST_FACTORS, RECOVERY_CODE
from app.second_factor.kinds.kind import Kind
from app.second_factor.kinds.totp.kind import TOTP

_KINDS: dict[str, Kind] = {kind.name: kind for kind in (TOTP,)}

FIRST_KINDS = (TOTP.name,)
"""What the policy of a new account allows."""


def registered() -> tuple[Kind, ...]:
    """Return every kind."""
    return tuple(_KINDS.values())


def names() -> list[str]:
    """Return the name of every kind."""
    return list(_KINDS)


def find_kind(name: str) -> Kind | None:
    """Return the kind of this name; None for one that only a later release knows: it cannot be used here."""
    return _KINDS.get(name)


def kinds_with_challenge() -> list[Kind]:
    """Return the kinds that ask something before they take an answer."""
    return [kind for kind in registered() if kind.challenge_lifetime]


def all_amr() -> frozenset[str]:
    """Return all that a session's `amr` may have in it."""
    return FIRST_FACTORS | {RECOVERY_CODE} | {kind.amr for kind in registered()}


@contextmanager
def also_registered(kind: Kind) -> Iterator[None]:
    """Know one kind more for a while: a test shows with it what a kind needs and what it does not."""
    assert kind.name not in _KINDS  # noqa: S101 -- a test's mistake
    _KINDS[kind.name] = kind
    try:
        yield
    finally:
        del _KINDS[kind.name]


def assurance(amr: tuple[str, ...], second_factor_at: datetime | None) -> str:
    """Return the assurance level of a session: `aal2` when it saw a second factor that reaches it.

    A trusted device never raises it, nor does a kind that says `aal1` of itself.
    """
    low = {kind.amr for kind in registered() if kind.assurance == AAL1}
    proven = set(amr) - FIRST_FACTORS
    return AAL1 if second_factor_at is None or (proven and proven <= low) else AAL2
