"""A Postgres to be maltreated, and a stopwatch: what is promised here is promised in seconds."""

import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from app.database.embedded import EmbeddedPostgres, EmbeddedPostgresError
from tests.support.account.client import refused
from tests.support.programs.database import start

PROMISED_SECONDS = 5  # docs/api.md section 10


class Cluster:
    """A Postgres in a directory of its own."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._postgres: EmbeddedPostgres | None = None
        self._frozen: list[int] = []
        self.url = ""

    def start(self) -> None:
        """Start it, if it does not run."""
        deadline = time.monotonic() + 10
        while self._postgres is None:
            postgres = EmbeddedPostgres(self._data_dir)
            try:
                self.url = start(postgres)
            except EmbeddedPostgresError:  # what is left of a killed one still holds the directory
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                self._postgres = postgres

    def stop(self) -> None:
        """End it as an operator does: what is under way is rolled back."""
        if self._postgres is not None:
            self._postgres.stop()
            self._postgres = None

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        os.kill(self._postmaster, signal.SIGKILL)
        self.stop()

    def freeze(self) -> None:
        """Stop it from answering, with every connection open."""
        self._stop([self._postmaster, *self._children()])

    def freeze_connections(self) -> None:
        """Stop those who answer on the connections that there are; new ones work."""
        self._stop(
            [child for child in self._children() if b" passgate " in Path(f"/proc/{child}/cmdline").read_bytes()]
        )

    def _stop(self, processes: list[int]) -> None:
        self._frozen = processes
        for process in processes:
            os.kill(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for process in self._frozen:
            os.kill(process, signal.SIGCONT)
        self._frozen = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection of somebody else's."""
        connection = await asyncpg.connect(dsn=self.url, timeout=5)
        try:
            yield connection
        finally:
            connection.terminate()

    async def run(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        async with self.connection() as connection:
            for statement in statements:
                await connection.execute(statement)

    @property
    def _postmaster(self) -> int:
        return int((self._data_dir / "postgres" / "postmaster.pid").read_text().split()[0])

    def _children(self) -> list[int]:
        return [
            int(found)
            for found in Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        ]


@contextmanager
def in_time(seconds: float = PROMISED_SECONDS) -> Iterator[None]:
    """Assert that the block takes no longer."""
    begun_at = time.monotonic()
    yield
    taken = time.monotonic() - begun_at
    assert taken < seconds, f"it took {taken:.1f} s"


async def unavailable(request: Awaitable[httpx.Response]) -> dict[str, Any]:
    """Assert that the answer is 503 `unavailable`, in time, and says when to come back."""
    with in_time():
        response = await request
    problem = refused(response, 503, "unavailable")
    assert set(problem) == {"type", "title", "status", "code", "detail"}
    assert response.headers["retry-after"].isdecimal()
    assert 1 <= int(response.headers["retry-after"]) <= 60
    return problem
