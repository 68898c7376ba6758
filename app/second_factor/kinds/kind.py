"""What an authenticator kind is: all that the rest of Passgate asks of one.

A kind is one object, entered in `app.second_factor.kinds.registry`. It is pure: it knows no database and no HTTP,
and the moment is an argument. State that only this kind needs is in the secret that it seals, and in one counter.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Enrollee:
    """For whom an enrollment begins: what an authenticator may show its user."""

    account_name: str
    email: str


@dataclass(frozen=True)
class NewSecret:
    """What an enrollment begins with: bytes to seal, and what the client is shown this once, by field."""

    secret: bytes = field(repr=False)
    shown: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Confirmed:
    """What is stored of a new authenticator: what answers are judged by, and its first counter."""

    secret: bytes = field(repr=False)
    counter: int


@dataclass(frozen=True)
class OpenedAuthenticator:
    """An authenticator with its secret opened; `challenge` is what was asked of it, for a kind that asks."""

    id: UUID
    secret: bytes = field(repr=False)
    counter: int
    challenge: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Accepted:
    """The answer is right and unused: this authenticator's.

    `counter` is greater than the stored one and takes its place, by a statement that lets only a greater one in.
    None for a kind whose answers are used once because its challenge is.
    """

    authenticator_id: UUID
    counter: int | None = None


@dataclass(frozen=True)
class AlreadyUsed:
    """The answer is right and was accepted before; another will be good in `retry_after` seconds."""

    retry_after: int


@dataclass(frozen=True)
class NewChallenge:
    """What is asked: bytes to store until the answer, and what the client is shown, by field."""

    data: bytes = field(repr=False)
    shown: Mapping[str, Any]


class Kind(ABC):
    """An authenticator kind: what it says about itself, and how it enrolls, asks and judges."""

    name: str
    """On the wire, in policies and in the database: `[a-z][a-z0-9_]{0,31}`."""
    amr: str
    """What a session's `amr` calls a proof of this kind (RFC 8176 where it has a value)."""
    assurance: str = "aal2"
    """What a session reaches by it: `aal2`, or `aal1` for what proves too little (NIST SP 800-63B-4)."""
    default_label: str
    """What an authenticator is called whose user does not say."""
    guessable: bool = True
    """Whether trying often enough finds an answer: then the throttle counts failures, blocks and disables."""
    challenge_lifetime: timedelta | None = None
    """For how long a challenge takes an answer; None for a kind that asks nothing first."""
    sent_first: bool = False
    """Whether an answer exists only after a delivery: then a call that sends it comes first."""
    enrollment_fields: Mapping[str, Mapping[str, Any]]
    """The JSON schema of each field of `NewSecret.shown`."""
    challenge_fields: Mapping[str, Mapping[str, Any]] = {}
    """The JSON schema of each field of `NewChallenge.shown`."""

    @abstractmethod
    def begin(self, enrollee: Enrollee) -> NewSecret:
        """Begin an enrollment."""

    @abstractmethod
    def parse(self, given: str) -> Any | None:
        """Read an answer as it came into the form that `confirm` and `judge` take; None when it is none."""

    @abstractmethod
    def confirm(self, secret: bytes, answer: Any, *, now: datetime) -> Confirmed | None:
        """Return what to store when the answer proves that the new authenticator works; None when it is wrong."""

    @abstractmethod
    def judge(
        self, known: Sequence[OpenedAuthenticator], answer: Any, *, now: datetime
    ) -> Accepted | AlreadyUsed | None:
        """Judge an answer by all of a user's authenticators of this kind that it may be of; None means wrong."""

    def ask(self, authenticator: OpenedAuthenticator) -> NewChallenge:
        """Return a new challenge; only a kind with a `challenge_lifetime` is asked for one."""
        raise NotImplementedError(f"{self.name} asks nothing of {authenticator.id}")
