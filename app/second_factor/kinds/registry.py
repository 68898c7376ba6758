"""The registered authenticator kinds. To add a kind, add one entry here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from app.core.assurance import AAL1, AAL2, FIRST_FACTORS, RECOVERY_CODE, TEST_PASSCODE
from app.second_factor.kinds.kind import Kind
from app.second_factor.kinds.totp.kind import TOTP

_KINDS: dict[str, Kind] = {kind.name: kind for kind in (TOTP,)}

DEFAULT_ALLOWED_KINDS = (TOTP.name,)
"""The kinds that the policy of a new account allows."""


def registered() -> tuple[Kind, ...]:
    """Return every kind."""
    return tuple(_KINDS.values())


def names() -> list[str]:
    """Return the name of every kind."""
    return list(_KINDS)


def find_kind(name: str) -> Kind | None:
    """Return the kind with this name; None if it is unknown, such as a kind of a later release."""
    return _KINDS.get(name)


def kinds_with_challenge() -> list[Kind]:
    """Return the kinds that use challenges."""
    return [kind for kind in registered() if kind.challenge_lifetime]


def all_amr() -> frozenset[str]:
    """Return every value that a session's `amr` may contain."""
    return FIRST_FACTORS | {RECOVERY_CODE, TEST_PASSCODE} | {kind.amr for kind in registered()}


@contextmanager
def register_for_test(kind: Kind) -> Iterator[None]:
    """Register one more kind inside the `with` block; for tests."""
    assert kind.name not in _KINDS  # noqa: S101 -- only tests call this
    _KINDS[kind.name] = kind
    try:
        yield
    finally:
        del _KINDS[kind.name]


def assurance(amr: tuple[str, ...], second_factor_at: datetime | None) -> str:
    """Return a session's assurance level: `aal2` if a second factor of that level was proven.

    Neither a trusted device nor a kind with `assurance` `aal1` raises it.
    """
    low = {kind.amr for kind in registered() if kind.assurance == AAL1}
    proven = set(amr) - FIRST_FACTORS
    return AAL1 if second_factor_at is None or (proven and proven <= low) else AAL2
