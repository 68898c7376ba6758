"""A Postgres that tests kill, stop and freeze, and checks of the promised response time."""

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
    """A Postgres with its own data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._postgres: EmbeddedPostgres | None = None
        self._frozen: list[int] = []
        self.url = ""

    def start(self) -> None:
        """Start it if it is not running."""
        deadline = time.monotonic() + 10
        while self._postgres is None:
            postgres = EmbeddedPostgres(self._data_dir)
            try:
                self.url = start(postgres)
            except EmbeddedPostgresError:  # processes of a killed server still lock the directory
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                self._postgres = postgres

    def stop(self) -> None:
        """Stop it as an operator does: open transactions are rolled back."""
        if self._postgres is not None:
            self._postgres.stop()
            self._postgres = None

    def kill(self) -> None:
        """Send it SIGKILL, as the kernel does when memory runs out."""
        os.kill(self._postmaster, signal.SIGKILL)
        self.stop()

    def freeze(self) -> None:
        """Freeze every process, so that nothing answers and all connections stay open."""
        self._stop([self._postmaster, *self._children()])

    def freeze_connections(self) -> None:
        """Freeze the server processes of existing connections; new connections work."""
        self._stop(
            [child for child in self._children() if b" passgate " in Path(f"/proc/{child}/cmdline").read_bytes()]
        )

    def _stop(self, processes: list[int]) -> None:
        self._frozen = processes
        for process in processes:
            os.kill(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume the frozen processes."""
        for process in self._frozen:
            os.kill(process, signal.SIGCONT)
        self._frozen = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection outside the service's pool."""
        connection = await asyncpg.connect(dsn=self.url, timeout=5)
        try:
            yield connection
        finally:
            connection.terminate()

    async def run(self, *statements: str) -> None:
        """Run statements, each in its own transaction."""
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
    """Assert that the block takes less than `seconds`."""
    begun_at = time.monotonic()
    yield
    taken = time.monotonic() - begun_at
    assert taken < seconds, f"it took {taken:.1f} s"


async def unavailable(request: Awaitable[httpx.Response]) -> dict[str, Any]:
    """Assert that the response is 503 `unavailable`, in time, with a `Retry-After` of 1 to 60 s."""
    with in_time():
        response = await request
    problem = refused(response, 503, "unavailable")
    assert set(problem) == {"type", "title", "status", "code", "detail", "retry_after"}
    assert response.headers["retry-after"].isdecimal()
    assert 1 <= int(response.headers["retry-after"]) <= 60
    return problem
