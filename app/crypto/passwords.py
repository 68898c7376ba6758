"""Hash passwords and recovery codes with Argon2id, in threads beside the event loop."""

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
"""In UTF-8, before NFC normalization: 256 code points, which is the longest password, of four bytes each."""
_ENCODED = re.compile("m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=1")


@dataclass(frozen=True)
class Argon2Parameters:
    """The cost of one hash: passes and KiB of memory, by default OWASP's minimum (ASVS 11.4.2)."""

    time_cost: int = 2
    memory_kib: int = 19456

    def encode(self) -> str:
        """Return the parameters as they are stored beside the hash, such as `m=19456,t=2,p=1`."""
        return f"m={self.memory_kib},t={self.time_cost},p=1"

    @classmethod
    def decode(cls, text: str) -> "Argon2Parameters":
        """Parse the output of `encode`; raise `ValueError` for anything else."""
        found = _ENCODED.fullmatch(text)
        if found is None:
            raise ValueError("Argon2 parameters look like m=19456,t=2,p=1.")
        return cls(memory_kib=int(found[1]), time_cost=int(found[2]))


@dataclass(frozen=True)
class PasswordCheck:
    """Whether a password matches its hash.

    `renewed_hash` is set if the stored hash has another algorithm or cost than today's: store it instead.
    """

    matches: bool
    renewed_hash: str | None


def is_too_long(password: str) -> bool:
    """Whether a password has more than `LONGEST_PASSWORD_BYTES`, and must not be processed."""
    return len(password) > LONGEST_PASSWORD_BYTES or len(_encode(password)) > LONGEST_PASSWORD_BYTES


def normalize_password(text: str) -> str:
    """Return `text` in NFC, so that every keyboard enters the same password.

    See NIST SP 800-63B-4 3.1.1.2. Raises `InvalidRequest` for more than `LONGEST_PASSWORD_BYTES`: the time for NFC
    grows with the square of the length.
    """
    if is_too_long(text):
        error = FieldError("", "too_long", f"A password has at most {LONGEST_PASSWORD_BYTES} bytes in UTF-8.")
        raise InvalidRequest("The password is not valid.", error)
    return unicodedata.normalize("NFC", text)


def _encode(password: str) -> bytes:
    # A lone surrogate is not valid text. It is hashed all the same, so that the answer is not faster.
    return password.encode(errors="surrogatepass")


class Hasher:
    """A thread pool for hashing with `threads` threads; the default is one for each usable core.

    While `queue` jobs are waiting or running, another one is refused at once with `Unavailable`, as is every job
    after `close`. A waiting job that is canceled leaves the queue at once; a running one counts until it ends.
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
        self._slots = threading.BoundedSemaphore(queue)
        self._threads = ThreadPoolExecutor(
            threads or usable_cores(), thread_name_prefix="hashing", initializer=_lower_thread_priority
        )

    async def hash_password(self, password: str) -> str:
        """Return the PHC string of the normalized password: current parameters, new salt."""
        return await self._run(lambda: self._hash(_encode(normalize_password(password))))

    async def verify_password(
        self, hash_: str | None, password: str, *, kinds: Collection[str] = ()
    ) -> PasswordCheck:
        """Check a password in a time that does not depend on the user or the result.

        `kinds` are the kinds of hashes that exist in the account. Every call computes one hash of each kind, and
        one with the current parameters; a decoy replaces each hash that the user does not have. Without a hash, or
        with a malformed one, all of them are decoys and nothing matches. So the time does not show whether a user
        exists or was imported, or whether a password that is refused for another reason was right.

        Wrapping imported hashes in Argon2id during the import is no alternative: they would still cost more than
        the others, and wrapping 100,000 of them takes half an hour.
        """
        return await self._run(lambda: self._verify(hash_ or "", password, kinds))

    async def digest_codes(
        self, codes: Sequence[str], salt: bytes, parameters: Argon2Parameters | None = None
    ) -> list[bytes]:
        """Return 32 bytes of raw Argon2id for each code, all with the same 16-byte salt.

        The codes must be in canonical form. The digests have the order of the codes. `parameters` are those that
        the set was created with; the default is the current ones.
        """
        cost = parameters or self.parameters
        return await self._run(
            lambda: [
                argon2.digest(code.encode(), salt, passes=cost.time_cost, memory_kib=cost.memory_kib)
                for code in codes
            ]
        )

    def close(self) -> None:
        """Accept no more jobs, and return when the accepted ones have ended."""
        self._threads.shutdown(wait=True)

    def _hash(self, normal: bytes) -> str:
        return argon2.hash_(normal, passes=self.parameters.time_cost, memory_kib=self.parameters.memory_kib)

    def _verify(self, hash_: str, password: str, kinds: Collection[str]) -> PasswordCheck:
        kind = password_hashes.kind_of(hash_)
        normal = _encode(normalize_password(password))
        # Another system may have hashed the password as typed, without normalization.
        forms = {normal, _encode(password)}
        verdicts: list[bool] = []
        for old in sorted({*kinds, kind or self._kind} - {self._kind}):
            stored = hash_ if old == kind else password_hashes.decoy(old)
            verdicts += [password_hashes.matches(stored, form) for form in forms]
        if any(verdicts):
            return PasswordCheck(matches=True, renewed_hash=self._hash(normal))
        stored = hash_ if kind == self._kind else password_hashes.decoy(self._kind)
        return PasswordCheck(matches=password_hashes.matches(stored, normal), renewed_hash=None)

    def _release_slot(self, _: Future[Any]) -> None:
        HASH_QUEUE.dec()
        self._slots.release()

    async def _run(self, job: Callable[[], _T]) -> _T:
        if not self._slots.acquire(blocking=False):
            raise Unavailable("Too many passwords are being checked at the moment.")
        try:
            running = self._threads.submit(job)
        except RuntimeError:
            self._slots.release()
            raise Unavailable from None
        # Use the pool's future: unlike asyncio's, it is not done while a canceled job is still running.
        HASH_QUEUE.inc()
        running.add_done_callback(self._release_slot)
        return await asyncio.wrap_future(running)


def _lower_thread_priority() -> None:
    """Lower this thread's priority, so that hashing does not delay requests that need no hash."""
    if sys.platform == "linux":  # only Linux has a priority for each thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    # A container often gets fewer cores than its machine has; only the CPU affinity shows that.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
