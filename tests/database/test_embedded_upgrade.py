"""The embedded Postgres moves to a newer major version, with everything that is in it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.commands.embedded_setup import keys_in
from app.database.embedded import EmbeddedPostgres, EmbeddedPostgresError, running_url, upgrade, upgrade_cluster
from app.database.embedded.programs import Programs
from app.database.migrate import migrate
from tests.support.programs.embedded import postmaster_of
from tests.support.programs.serving import environment, passgate, serving

OLD_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
EMAIL, PASSWORD = "boss@acme.example", "a long enough password"

pytestmark = pytest.mark.skipif(
    not (OLD_PROGRAMS / "initdb").exists(), reason="needs a second major version: Debian's postgresql-15"
)


@pytest.fixture(scope="module")
def made_by_15(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory that an older release made, with an account; tests copy it."""
    data_dir = tmp_path_factory.mktemp("old") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Programs, "_installed", lambda _: iter([OLD_PROGRAMS]))
        with EmbeddedPostgres(data_dir):
            asyncio.run(migrate(running_url(data_dir) or ""))
            keys_in(data_dir)
            made = passgate(
                *("create-account", "acme", "--name", "Acmé", "--owner-email", EMAIL, "--password-stdin"),
                data_dir=data_dir,
                stdin=PASSWORD,
            )
            assert made.returncode == 0, made.stderr
    return data_dir


@pytest.fixture
def data_dir(made_by_15: Path, tmp_path: Path) -> Path:
    subprocess.run(["/bin/cp", "--archive", made_by_15, tmp_path / "data"], check=True)
    return tmp_path / "data"


@pytest.fixture
def _only_new_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide a Postgres on the path, which `serve` would use for an old cluster."""
    monkeypatch.setenv("PATH", str(tmp_path))


def upgraded(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return passgate("embedded", "upgrade", *arguments, data_dir=data_dir)


@pytest.mark.usefixtures("_only_new_programs")
def test_everything_works_after_an_upgrade(data_dir: Path) -> None:
    refused = passgate("serve", data_dir=data_dir)
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        f"passgate: {data_dir}/postgres needs Postgres 15, but here is Postgres 18 in "
    )
    assert "passgate embedded upgrade --programs DIR" in refused.stderr
    assert refused.stderr.count("\n") == 1

    done = upgraded(data_dir, "--programs", str(OLD_PROGRAMS))
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "Moved the data from Postgres 15 to 18.\n"
        f"The old cluster is in {data_dir}/postgres.old-15. "
        "Delete it when you no longer need it: it holds personal data.\n"
    )
    with serving(data_dir) as service:
        answer = httpx.post(
            f"{service.url}/v1/accounts/acme/sign-ins", json={"email": EMAIL, "password": PASSWORD}
        )
        assert answer.status_code == 201
        assert "database: Postgres 18" in passgate("check", data_dir=data_dir).stdout
        assert "already in use" in upgraded(data_dir).stderr
    assert (data_dir / "postgres.old-15" / "PG_VERSION").read_text() == "15\n"
    assert {path.name for path in data_dir.glob("postgres*")} == {
        *("postgres", "postgres.old-15", "postgres-password", "postgres.log", "postgres.log.1")
    }
    assert "nothing to do" in upgraded(data_dir).stdout


def test_the_old_programs_are_found_where_debian_installs_them(data_dir: Path) -> None:
    done = upgrade_cluster(data_dir)

    assert done is not None
    assert (done.before, done.now, done.kept) == (15, 18, data_dir / "postgres.old-15")


@pytest.mark.usefixtures("_only_new_programs")
def test_the_kept_cluster_is_the_way_back(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = upgrade_cluster(data_dir)
    assert done is not None
    shutil.rmtree(data_dir / "postgres")
    done.kept.rename(data_dir / "postgres")
    monkeypatch.setattr(Programs, "_installed", lambda _: iter([OLD_PROGRAMS]))
    with EmbeddedPostgres(data_dir):
        assert asyncio.run(_ask(running_url(data_dir), "SELECT slug FROM accounts")) == "acme"


@pytest.mark.usefixtures("_only_new_programs")
def test_an_interruption_between_the_renames_is_finished_by_the_next_start(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die_between_the_renames(data_dir: Path) -> None:
        if not (data_dir / "postgres").exists():
            raise EmbeddedPostgresError("the process died here")

    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "settle_upgrade", die_between_the_renames)
        with pytest.raises(EmbeddedPostgresError, match="died here"):
            upgrade_cluster(data_dir)
    assert not (data_dir / "postgres").exists()

    with EmbeddedPostgres(data_dir):
        assert asyncio.run(_ask(running_url(data_dir), "SELECT slug FROM accounts")) == "acme"


def test_an_outdated_new_cluster_never_takes_the_place_of_the_old_one(data_dir: Path) -> None:
    shutil.copytree(data_dir / "postgres", data_dir / "postgres.upgraded")
    upgrade.settle_upgrade(data_dir)

    assert not (data_dir / "postgres.upgraded").exists()
    assert (data_dir / "postgres" / "PG_VERSION").exists()


async def test_a_failing_restore_leaves_the_old_cluster_as_it_was(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "_COUNT_ROWS", "SELECT pg_backend_pid()")  # never equal
    with pytest.raises(EmbeddedPostgresError, match="not the rows of the old one"):
        await asyncio.to_thread(upgrade_cluster, data_dir)

    _is_as_before(data_dir)


async def test_other_databases_are_not_lost_without_a_word(data_dir: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Programs, "_installed", lambda _: iter([OLD_PROGRAMS]))
        with EmbeddedPostgres(data_dir):
            await _ask(running_url(data_dir), "CREATE DATABASE mine")
    with pytest.raises(EmbeddedPostgresError, match=r"has other databases too: mine$"):
        await asyncio.to_thread(upgrade_cluster, data_dir)

    _is_as_before(data_dir)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_upgrade_can_be_repeated(data_dir: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "app", "embedded", "upgrade"]
    with subprocess.Popen(command, env=environment(data_dir, {})) as process:
        deadline = time.monotonic() + 30
        while postmaster_of(data_dir) is None:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(30) == (143 if number is signal.SIGTERM else -number)

    done = upgraded(data_dir)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("_only_new_programs")
def test_missing_old_programs_and_a_kept_cluster_are_named(data_dir: Path, tmp_path: Path) -> None:
    ended = upgraded(data_dir, "--programs", str(tmp_path))
    assert ended.returncode == 2
    assert f"needs Postgres 15, but here is Postgres ? in {tmp_path}" in ended.stderr

    (data_dir / "postgres.old-15").mkdir()
    ended = upgraded(data_dir)
    assert ended.returncode == 2
    assert f"{data_dir}/postgres.old-15 is left of an earlier upgrade" in ended.stderr
    _is_as_before(data_dir)


def test_a_newer_cluster_is_not_moved_back(data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text("19\n")

    with pytest.raises(EmbeddedPostgresError, match=r"postgres needs Postgres 19, but here is only 18$"):
        upgrade_cluster(data_dir)


def test_there_is_nothing_to_upgrade_without_an_embedded_postgres(tmp_path: Path) -> None:
    ended = upgraded(tmp_path / "nowhere")
    assert (ended.returncode, ended.stderr) == (2, f"passgate: {tmp_path}/nowhere holds no embedded Postgres\n")
    assert not (tmp_path / "nowhere").exists()

    ended = passgate(*("embedded", "upgrade"), data_dir=tmp_path, PASSGATE_DATABASE_URL="postgresql:///passgate")
    assert ended.returncode == 2
    assert "PASSGATE_" in ended.stderr


def _is_as_before(data_dir: Path) -> None:
    assert (data_dir / "postgres" / "PG_VERSION").read_text() == "15\n"
    assert not (data_dir / "postgres.new").exists()
    assert not (data_dir / "postgres.upgraded").exists()
    assert not os.path.lexists(data_dir / "postgres" / "postmaster.pid")


async def _ask(url: str | None, sql: str) -> object:
    connection = await asyncpg.connect(dsn=url, timeout=5)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
