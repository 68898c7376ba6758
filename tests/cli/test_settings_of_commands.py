"""What commands make of missing, mistyped and derived settings."""

import signal
import socket
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.programs.serving import Serving, passgate, serving


@pytest.mark.parametrize("command", ["migrate", "worker"])
def test_no_database_is_made_for_a_command_that_needs_a_real_one(tmp_path: Path, command: str) -> None:
    ended = passgate(command, data_dir=tmp_path / "data")

    assert ended.returncode == 2
    assert ended.stderr.startswith("passgate: PASSGATE_DATABASE_URL: is not set")
    assert not (tmp_path / "data").exists()


def test_a_mistyped_setting_stops_a_command_before_it_does_anything(tmp_path: Path) -> None:
    ended = passgate("migrate", data_dir=tmp_path / "data", PASSGATE_DATABSE_URL="postgresql://db/passgate")

    assert ended.returncode == 2
    assert ended.stderr == (
        "passgate: PASSGATE_DATABSE_URL: is not a setting. Did you mean PASSGATE_DATABASE_URL?\n"
    )
    assert not (tmp_path / "data").exists()


def test_the_version_needs_no_settings(tmp_path: Path) -> None:
    ended = passgate("--version", data_dir=tmp_path / "data", PASSGATE_DATABASE_URL="nonsense")

    assert (ended.returncode, ended.stdout) == (0, f"passgate {metadata.version('passgate')}\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_stops_the_service_and_postgres_with_status_0(tmp_path: Path, workers: int) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, "--workers", str(workers)) as service:
        service.process.send_signal(signal.SIGTERM)

        assert service.process.wait(30) == 0
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_the_public_url_has_the_port_that_is_served_and_check_says_so(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        letter = _invitation(service, tmp_path / "data")
        checked = passgate("check", data_dir=tmp_path / "data").stdout

    assert f"http://127.0.0.1:{service.port}/links/demo/" in letter
    assert "PASSGATE_DATABASE_URL: is generated" in checked
    assert "PASSGATE_SECRET_KEYS: is generated" in checked
    assert "PASSGATE_AUDIT_DAYS: 400 (default)" in checked
    assert "PASSGATE_MAIL_URL: is not set" in checked
    assert f"PASSGATE_DATA_DIR: {tmp_path / 'data'}\n" in checked


def _invitation(service: Serving, data_dir: Path) -> str:
    made = passgate(
        *("create-user", "demo", "--role", "agent", "--name", "A", "--email", "a@b.example"), data_dir=data_dir
    )
    assert made.returncode == 0, made.stderr
    letters = data_dir / "letters"
    service.wait_for(lambda: letters.exists() and bool(list(letters.glob("*.eml"))))
    [letter] = letters.glob("*.eml")
    return letter.read_text()


def test_a_public_url_with_another_port_is_warned_of(tmp_path: Path) -> None:
    with serving(tmp_path / "data", PASSGATE_PUBLIC_URL="http://127.0.0.1:1") as service:
        assert "PASSGATE_PUBLIC_URL has another port than the service" in service.output()


def test_the_service_says_that_it_listens_only_once_the_port_is_its_own(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = passgate("serve", "--port", str(taken.getsockname()[1]), data_dir=tmp_path / "data")

    assert ended.returncode == 3
    assert "Passgate listens" not in ended.stdout + ended.stderr
    assert "Address already in use" in ended.stderr
