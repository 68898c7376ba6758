"""The supervised embedded Postgres: what a restart waits for, survives, and reports."""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from app.database.embedded import EmbeddedPostgres, EmbeddedPostgresLostError, running_url, supervisor
from app.database.embedded.restarts import MOST_RESTARTS, PERIOD_SECONDS, RestartLimit, pause_seconds
from tests.support.programs.embedded import postmaster_of


class Supervised:
    """A supervised Postgres, and whether it was reported as lost."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.lost = threading.Event()
        self.postgres = EmbeddedPostgres(data_dir, on_loss=self.lost.set)
        self.url = self.postgres.start()

    def kill(self) -> int:
        ended = postmaster_of(self.data_dir)
        assert ended is not None
        os.kill(ended, signal.SIGKILL)
        return ended

    async def wait_for_another(self, ended: int, seconds: float = 5) -> None:
        deadline = time.monotonic() + seconds
        while postmaster_of(self.data_dir) == ended or running_url(self.data_dir) is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    it = Supervised(tmp_path / "data")
    yield it
    it.postgres.stop()


def is_process(process_id: int) -> bool:
    """Whether it still runs; of an ended process that nobody has waited for, the command line is empty."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path("/proc", str(process_id), "cmdline").read_bytes() != b""
    return False


async def test_the_url_stays_and_nothing_committed_is_lost(supervised: Supervised) -> None:
    connection = await asyncpg.connect(dsn=supervised.url, timeout=5)
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    await supervised.wait_for_another(supervised.kill())
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await connection.close(timeout=1)

    assert running_url(supervised.data_dir) == supervised.url
    connection = await asyncpg.connect(dsn=supervised.url, timeout=5)
    assert await connection.fetchval("SELECT number FROM kept") == 7
    await connection.close()
    assert supervised.postgres.loss is None


async def test_a_long_statement_of_the_ended_server_delays_the_restart_by_seconds_only(
    supervised: Supervised,
) -> None:
    connection = await asyncpg.connect(dsn=supervised.url, timeout=5)
    backend = await connection.fetchval("SELECT pg_backend_pid()")
    statement = asyncio.create_task(connection.fetchval("SELECT count(*) FROM generate_series(1, 1e10::int8)"))
    await asyncio.sleep(0.3)
    await supervised.wait_for_another(supervised.kill())

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await statement
    assert not is_process(backend), "two servers' processes shared the files"


async def test_a_shell_in_the_cluster_is_not_taken_for_a_process_of_postgres(supervised: Supervised) -> None:
    connection = await asyncpg.connect(dsn=supervised.url, timeout=5)
    statement = asyncio.create_task(connection.fetchval("SELECT count(*) FROM generate_series(1, 1e10::int8)"))
    await asyncio.sleep(0.3)
    innocent = await asyncio.create_subprocess_exec("sleep", "60", cwd=supervised.data_dir / "postgres")
    await supervised.wait_for_another(supervised.kill())

    assert innocent.returncode is None
    innocent.kill()
    await innocent.wait()
    await asyncio.gather(statement, return_exceptions=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a directory on a disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "none", disk], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def keep_full(disk: Path, until: threading.Event) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        while not until.is_set():
            for size in (65_536, 4096, 1):  # what is freed meanwhile, too
                with suppress(OSError):
                    file.write(bytes(size))


def test_a_full_disk_ends_with_a_line_that_says_so(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "pause_seconds", lambda _failures: 0)
    supervised = Supervised(small_disk / "data")
    enough = threading.Event()
    filling = threading.Thread(target=keep_full, args=(small_disk, enough))
    filling.start()
    try:
        while shutil.disk_usage(small_disk).free:
            time.sleep(0.05)
        supervised.kill()
        assert supervised.lost.wait(30)
    finally:
        enough.set()
        filling.join()
        supervised.postgres.stop()

    loss = str(supervised.postgres.loss)
    assert "No space left on device" in loss or "the disk is full" in loss
    assert "\n" not in loss


async def test_a_broken_file_ends_with_the_words_of_postgres(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "pause_seconds", lambda _failures: 0)
    os.truncate(supervised.data_dir / "postgres" / "global" / "pg_control", 10)
    supervised.kill()

    assert await asyncio.to_thread(supervised.lost.wait, 30)
    supervised.postgres.stop()
    assert isinstance(supervised.postgres.loss, EmbeddedPostgresLostError)
    assert "pg_control" in str(supervised.postgres.loss)


async def test_stopping_does_not_count_as_a_loss(supervised: Supervised) -> None:
    supervised.kill()
    supervised.postgres.stop()

    assert supervised.postgres.loss is None
    assert not supervised.lost.is_set()
    assert running_url(supervised.data_dir) is None


def test_five_restarts_in_ten_minutes_are_admitted() -> None:
    limit = RestartLimit()

    assert all(limit.admit(second) for second in range(MOST_RESTARTS))
    assert not limit.admit(PERIOD_SECONDS - 1)
    assert limit.admit(PERIOD_SECONDS), "the first one has expired"
    assert not limit.admit(PERIOD_SECONDS)
    assert limit.admit(PERIOD_SECONDS + 1)


def test_a_restart_after_an_end_is_immediate_and_one_after_a_failure_waits() -> None:
    assert [pause_seconds(failures) for failures in range(MOST_RESTARTS)] == [0, 1, 2, 4, 8]
