"""The embedded Postgres ends while `serve` runs: it is started again, and nobody restarts the service."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from app.database.embedded import running_url
from tests.support.programs.embedded import break_settings, mend_settings, postmaster_of
from tests.support.programs.serving import Serving, passgate, serving

RESTART_SECONDS = 5  # docs/operating.md


def sign_in(service: Serving, password: str) -> int:
    url = f"{service.url}/v1/accounts/demo/sign-ins"
    return httpx.post(url, json={"email": "owner@demo.example", "password": password}).status_code


def kill(data_dir: Path, number: signal.Signals = signal.SIGKILL) -> int:
    ended = postmaster_of(data_dir)
    assert ended is not None
    os.kill(ended, number)
    return ended


def is_unready(service: Serving) -> bool:
    return httpx.get(f"{service.url}/readyz").status_code == 503


def probe(service: Serving, path: str) -> int:
    return httpx.get(f"{service.url}{path}").status_code


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sign_in_works_again_within_seconds_after_a_kill(tmp_path: Path, workers: int) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, "--workers", str(workers)) as service:
        password = service.owner_password
        assert sign_in(service, password) == 201
        for _ in range(2):
            killed = kill(data_dir)
            kill_time = time.monotonic()
            service.wait_for(lambda: sign_in(service, password) == 201, RESTART_SECONDS)

            assert time.monotonic() - kill_time < RESTART_SECONDS
            assert postmaster_of(data_dir) != killed
        log = (data_dir / "postgres.log").read_text()
        assert log.count("starting PostgreSQL") == 3, "an earlier server's words were lost"
        assert log.count("was not properly shut down; automatic recovery") == 2
        assert service.output().count("the embedded Postgres accepts connections again") == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_postgres_that_was_stopped_from_outside_is_started_again(tmp_path: Path, number: signal.Signals) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as service:
        ended = kill(data_dir, number)
        service.wait_for(lambda: postmaster_of(data_dir) not in {None, ended}, RESTART_SECONDS)
        service.wait_until_ready()


def test_while_postgres_is_down_the_probes_and_every_command_say_so(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as service:
        password = service.owner_password
        break_settings(data_dir)
        kill(data_dir)
        service.wait_for(lambda: is_unready(service))

        assert probe(service, "/healthz") == 200
        checked = passgate("check", data_dir=data_dir)
        outage = (
            f"The embedded Postgres of process {service.process.pid} accepts no connections: it is down. "
            f"That process starts it again, or ends; {data_dir}/postgres.log says more\n"
        )
        assert checked.returncode == 1
        assert f"WRONG  database: {outage}" in checked.stdout
        assert "ok     mail" in checked.stdout
        assert "already in use" not in checked.stdout + checked.stderr
        for command in (["worker"], ["migrate"], ["rotate-keys"]):
            ended = passgate(*command, data_dir=data_dir)
            assert (ended.returncode, ended.stderr) == (2, f"passgate: {outage}")

        mend_settings(data_dir)
        service.wait_for(lambda: sign_in(service, password) == 201, 15)
        assert "contains errors" in service.output()
        assert "contains errors" in (data_dir / "postgres.log").read_text()


def test_a_postgres_that_cannot_start_again_ends_the_service_with_one_line(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, "--workers", "2") as service:
        break_settings(data_dir)
        kill(data_dir)

        assert service.process.wait(60) == 1
    [line] = [line for line in service.output().splitlines() if line.startswith("passgate: ")]
    assert line.startswith("passgate: The embedded Postgres ended, and after 5 restarts in 10 minutes it is not")
    assert 'FATAL:  configuration file "' in line
    assert line.endswith(f"{data_dir}/postgres.log says more")
    mend_settings(data_dir)
    with serving(data_dir) as again:
        assert probe(again, "/readyz") == 200


def test_a_postgres_that_ends_too_often_ends_the_service(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as service:
        for _ in range(6):
            before = kill(data_dir)
            service.wait_for(partial(_has_followed, service, data_dir, before))

        assert service.process.wait(60) == 1
    assert "it is not started again: it ended with status -9. " in service.output()
    assert _restarts(service) == 5


def _has_followed(service: Serving, data_dir: Path, ended: int) -> bool:
    """Whether another server is ready, or the service ends."""
    return "it is not started again" in service.output() or (
        postmaster_of(data_dir) != ended and running_url(data_dir) is not None
    )


def _restarts(service: Serving) -> int:
    return service.output().count("the embedded Postgres accepts connections again")


@pytest.mark.parametrize(("moment", "workers"), [("at once", 1), ("failing", 2), ("both", 1)])
def test_sigterm_during_a_restart_ends_the_service_with_status_0(
    tmp_path: Path, moment: str, workers: int
) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, "--workers", str(workers)) as service:
        if moment == "failing":
            break_settings(data_dir)
        kill(data_dir, signal.SIGINT if moment == "both" else signal.SIGKILL)
        if moment == "failing":
            service.wait_for(lambda: "does not start" in service.output())
        service.process.send_signal(signal.SIGTERM)

        assert service.process.wait(40) == 0
    assert not _is_running(data_dir)


def _is_running(data_dir: Path) -> bool:
    return any(_cwd(process) == data_dir / "postgres" for process in Path("/proc").glob("[0-9]*"))


def _cwd(process: Path) -> Path | None:
    try:
        return (process / "cwd").readlink()
    except OSError:
        return None


def test_a_kill_during_a_restart_is_followed_by_another_one(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as service:
        first = kill(data_dir)
        second = _next_postmaster(lambda: postmaster_of(data_dir), first)
        os.kill(second, signal.SIGKILL)

        service.wait_for(lambda: postmaster_of(data_dir) not in {None, first, second}, RESTART_SECONDS)
        service.wait_until_ready(RESTART_SECONDS)


def _next_postmaster(found: Callable[[], int | None], before: int) -> int:
    deadline = time.monotonic() + RESTART_SECONDS
    while time.monotonic() < deadline:
        now = found()
        if now not in {None, before}:
            assert now is not None
            return now
    raise AssertionError("it was not started again")


def test_nothing_is_left_when_service_and_postgres_are_killed_at_once(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as service:
        os.kill(service.process.pid, signal.SIGSTOP)
        kill(data_dir)
        service.process.kill()
        service.process.wait(10)

    with serving(data_dir) as again:
        assert probe(again, "/readyz") == 200
