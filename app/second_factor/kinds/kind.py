"""The interface of an authenticator kind.

A kind is one object, registered in `app.second_factor.kinds.registry`. Its methods are pure: no database, no HTTP,
and the time is an argument. State that only this kind needs is in its sealed secret and in one counter.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

BEFORE_ANY_COUNTER = -1
"""The counter of an authenticator of which no answer has been accepted yet; later ones are greater."""


@dataclass(frozen=True)
class DisplayNames:
    """The account name and e-mail address that an authenticator app may display."""

    account_name: str
    email: str


@dataclass(frozen=True)
class NewSecret:
    """The result of `begin`: the secret to seal, and the fields shown to the client, only once."""

    secret: bytes = field(repr=False)
    shown: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Confirmed:
    """The result of `confirm`: the secret and the first counter to store."""

    secret: bytes = field(repr=False)
    counter: int


@dataclass(frozen=True)
class OpenedAuthenticator:
    """An authenticator with its decrypted secret, and its challenge if its kind uses challenges."""

    id: UUID
    secret: bytes = field(repr=False)
    counter: int
    challenge: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Accepted:
    """The answer is correct and unused, and belongs to this authenticator.

    `counter` is greater than the stored one and replaces it; the statement that stores it checks that again. It is
    None for a kind that prevents reuse by its challenge, which is removed with the first answer.
    """

    authenticator_id: UUID
    counter: int | None = None


@dataclass(frozen=True)
class AlreadyUsed:
    """The answer is correct but was accepted before. The next one is valid in `retry_after` s."""

    retry_after: int


@dataclass(frozen=True)
class NewChallenge:
    """A new challenge: bytes to store until it is answered, and the fields shown to the client."""

    data: bytes = field(repr=False)
    shown: Mapping[str, Any]


class Kind(ABC):
    """An authenticator kind: its properties, and how it enrolls, makes challenges and judges."""

    name: str
    """The name in the API, in policies and in the database: `[a-z][a-z0-9_]{0,31}`."""
    amr: str
    """The value for a session's `amr` (one of RFC 8176 if it has a suitable value)."""
    assurance: str = "aal2"
    """The assurance level of a session with this kind: `aal2` or `aal1` (NIST SP 800-63B-4)."""
    default_label: str
    """The label of an authenticator for which the user gives none."""
    guessable: bool = True
    """Whether answers can be guessed: only then the throttle counts failures, blocks and disables."""
    challenge_lifetime: timedelta | None = None
    """How long a challenge may be answered; None for a kind without challenges."""
    sent_first: bool = False
    """Whether the passcode must be sent to the user first, by a separate request."""
    enrollment_fields: Mapping[str, Mapping[str, Any]]
    """The JSON schema of each field of `NewSecret.shown`."""
    challenge_fields: Mapping[str, Mapping[str, Any]] = {}
    """The JSON schema of each field of `NewChallenge.shown`."""

    @abstractmethod
    def begin(self, enrollee: DisplayNames) -> NewSecret:
        """Begin an enrollment: return the new secret."""

    @abstractmethod
    def parse(self, given: str) -> Any | None:
        """Parse an answer for `confirm` and `judge`; None if it is malformed."""

    @abstractmethod
    def confirm(self, secret: bytes, answer: Any, *, now: datetime) -> Confirmed | None:
        """Return what to store if the answer is correct for the new authenticator, else None."""

    @abstractmethod
    def judge(
        self, known: Sequence[OpenedAuthenticator], answer: Any, *, now: datetime
    ) -> Accepted | AlreadyUsed | None:
        """Check an answer against these authenticators of the user; None means wrong."""

    def new_challenge(self, authenticator: OpenedAuthenticator) -> NewChallenge:
        """Return a new challenge; called only for a kind with a `challenge_lifetime`."""
        raise NotImplementedError(f"{self.name} asks nothing of {authenticator.id}")
