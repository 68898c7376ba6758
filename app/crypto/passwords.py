"""Secrets that are guessed at: Argon2id for passwords and recovery codes, in threads beside the event loop."""

import asyncio
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from app.core.errors import FieldError, InvalidRequest, Unavailable
from app.core.metrics import HASH_QUEUE
from app.crypto import argon2, password_hashes

_T = TypeVar("_T")
NICENESS = 10
LONGEST_PASSWORD_BYTES = 1024
"""In UTF-8, before NFC: room for the 256 code points that a password may have, four bytes each."""
_ENCODED = re.compile("m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=1")


@dataclass(frozen=True)
class Argon2Parameters:
    """What one hash costs: passes, KiB of memory; OWASP's minimum unless told otherwise (ASVS 11.4.2)."""

    time_cost: int = 2
    memory_kib: int = 19456

    def encode(self) -> str:
        """Return the form that is stored beside what was hashed, such as `m=19456,t=2,p=1`."""
        return f"m={self.memory_kib},t={self.time_cost},p=1"

    @classmethod
    def decode(cls, text: str) -> "Argon2Parameters":
        """Read what `encode` wrote; raise `ValueError` for anything else."""
        found = _ENCODED.fullmatch(text)
        if found is None:
            raise ValueError("Argon2 parameters look like m=19456,t=2,p=1.")
        return cls(memory_kib=int(found[1]), time_cost=int(found[2]))


@dataclass(frozen=True)
class PasswordCheck:
    """Whether a password matches its hash, and the hash to store instead when the old one costs something else."""

    matches: bool
    renewed_hash: str | None


def is_too_long(password: str) -> bool:
    """Whether a password has more than `LONGEST_PASSWORD_BYTES`: no such password is ever looked at further."""
    return len(password) > LONGEST_PASSWORD_BYTES or len(_encode(password)) > LONGEST_PASSWORD_BYTES


def normalize_password(text: str) -> str:
    """Return `text` in NFC, so that another keyboard types the same password (NIST SP 800-63B-4 3.1.1.2).

    Raises `InvalidRequest` for more than `LONGEST_PASSWORD_BYTES`: NFC takes time in the square of the length.
    """
    if is_too_long(text):
        error = FieldError("", "too_long", f"A password has at most {LONGEST_PASSWORD_BYTES} bytes in UTF-8.")
        raise InvalidRequest("The password is not valid.", error)
    return unicodedata.normalize("NFC", text)


def _encode(password: str) -> bytes:
    # A lone surrogate is no text, but it must not make the answer faster than another password's.
    return password.encode(errors="surrogatepass")


class Hasher:
    """Hashes in `threads` threads, as many as there are cores unless told otherwise.

    When `queue` jobs are waiting or running, a further one is refused at once by `Unavailable`, as is every job
    after `close`. A job that was given up while it waited counts no longer; one that runs counts until it ends.
    """

    def __init__(
        self,
        parameters: Argon2Parameters = Argon2Parameters(),
        *,
        threads: int | None = None,
        queue: int = 128,
    ) -> None:
        self.parameters = parameters
        self._kind = f"$argon2id$v=19${parameters.encode()}"
        self._places = threading.BoundedSemaphore(queue)
        self._threads = ThreadPoolExecutor(
            threads or usable_cores(), thread_name_prefix="hashing", initializer=_give_way
        )

    async def hash_password(self, password: str) -> str:
        """Return the PHC string of the normalized password under today's parameters and a new salt."""
        return await self._run(lambda: self._hash(_encode(normalize_password(password))))

    async def verify_password(
        self, hash_: str | None, password: str, *, kinds: Collection[str] = ()
    ) -> PasswordCheck:
        """Judge a password; without a hash, or with a malformed one, judge decoys in vain.

        `kinds` are those of the hashes that the user could have had: all that the account has. What is done does
        not depend on whose hash it is, nor on whether it matches: one hash of each kind, and one by today's
        parameters. So the time tells neither an imported user from an ordinary one or from nobody, nor a wrong
        password from a right one that is refused for another reason. (Wrapping imported hashes in Argon2id as they
        come in would not do it: they would still cost more than the others, and wrapping 100,000 of them takes
        half an hour.)
        """
        return await self._run(lambda: self._verify(hash_ or "", password, kinds))

    async def digest_codes(
        self, codes: Sequence[str], salt: bytes, parameters: Argon2Parameters | None = None
    ) -> list[bytes]:
        """Return 32 bytes of raw Argon2id for each code, in their order, all under one salt of 16 bytes.

        The caller brings the codes' canonical form, and the `parameters` that the set was made with, today's
        when there are none.
        """
        cost = parameters or self.parameters
        return await self._run(
            lambda: [
                argon2.digest(code.encode(), salt, passes=cost.time_cost, memory_kib=cost.memory_kib)
                for code in codes
            ]
        )

    def close(self) -> None:
        """Take no further job, and return when those that were taken have ended."""
        self._threads.shutdown(wait=True)

    def _hash(self, normal: bytes) -> str:
        return argon2.hash_(normal, passes=self.parameters.time_cost, memory_kib=self.parameters.memory_kib)

    def _verify(self, hash_: str, password: str, kinds: Collection[str]) -> PasswordCheck:
        kind = password_hashes.kind_of(hash_)
        normal = _encode(normalize_password(password))
        # Another system may have hashed what was typed as it came in.
        forms = {normal, _encode(password)}
        verdicts: list[bool] = []
        for old in sorted({*kinds, kind or self._kind} - {self._kind}):
            stored = hash_ if old == kind else password_hashes.decoy(old)
            verdicts += [password_hashes.matches(stored, form) for form in forms]
        if any(verdicts):
            return PasswordCheck(matches=True, renewed_hash=self._hash(normal))
        stored = hash_ if kind == self._kind else password_hashes.decoy(self._kind)
        return PasswordCheck(matches=password_hashes.matches(stored, normal), renewed_hash=None)

    def _give_back_place(self, _: Future[Any]) -> None:
        HASH_QUEUE.dec()
        self._places.release()

    async def _run(self, job: Callable[[], _T]) -> _T:
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many passwords are being checked at the moment.")
        try:
            running = self._threads.submit(job)
        except RuntimeError:
            self._places.release()
            raise Unavailable from None
        # Only the pool's future tells a job that never began from one that cannot be stopped; asyncio's does not.
        HASH_QUEUE.inc()
        running.add_done_callback(self._give_back_place)
        return await asyncio.wrap_future(running)


def _give_way() -> None:
    """Let others run first: whoever waits for a hash waits long anyway."""
    if sys.platform == "linux":  # where a priority is a thread's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    # A container is often given fewer cores than its machine has, and only the affinity knows.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
