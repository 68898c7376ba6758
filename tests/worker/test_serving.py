"""`passgate serve` with and without its job worker."""

import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.clock import TurnableClock
from tests.support.programs.mail import letters_in
from tests.support.programs.serving import Serving, passgate, serving


def enroll_owner(service: Serving) -> None:
    """Let the demo account's owner enroll an authenticator, which sends a letter."""
    url = f"{service.url}/v1/accounts/demo"
    body = {"email": "owner@demo.example", "password": service.owner_password}
    token = httpx.post(f"{url}/sign-ins", json=body).json()["session"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    enrollments = f"{url}/users/me/two-factor/enrollments"
    begun = httpx.post(enrollments, json={"kind": "totp"}, headers=headers).json()
    passcode = AuthenticatorApp(begun["secret"], TurnableClock()).passcode()
    path = f"{enrollments}/{begun['id']}/confirmation"
    assert (
        httpx.post(path, json={"passcode": passcode, "remember_device": False}, headers=headers).status_code == 201
    )


def wait_for_letters(data_dir: Path, seconds: float = 30) -> list[str]:
    """Wait for the first letter, and return the subjects of all letters."""
    deadline = time.monotonic() + seconds
    while not (found := letters_in(data_dir / "letters")) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [mail["Subject"] for mail in found]


def test_serve_sends_letters_by_itself_and_ends_cleanly(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        enroll_owner(service)

        assert wait_for_letters(tmp_path / "data") == ["Two-factor authentication is on (Demo)"]
    assert service.process.returncode in {
        0,
        -signal.SIGTERM,
    }  # uvicorn raises the signal again after a clean shutdown
    assert "Traceback" not in service.output()


def test_serve_without_jobs_sends_nothing_until_a_worker_runs(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--no-jobs") as service:
        enroll_owner(service)
        assert wait_for_letters(tmp_path / "data", seconds=3) == []

    with serving(tmp_path / "data"):
        assert wait_for_letters(tmp_path / "data") == ["Two-factor authentication is on (Demo)"]


@pytest.mark.parametrize(
    ("mail_url", "says"),
    [
        ("file:{directory}/letters", "ok     mail: each letter is written into"),
        ("smtp://127.0.0.1:1", "WRONG  mail: no way to the mail server"),
    ],
)
def test_check_tests_the_mail_server_even_without_a_database(tmp_path: Path, mail_url: str, says: str) -> None:
    ended = passgate(
        "check",
        data_dir=tmp_path,
        PASSGATE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
        PASSGATE_SECRET_KEYS="k1:" + "A" * 43 + "=",
        PASSGATE_MAIL_URL=mail_url.format(directory=tmp_path),
    )

    assert says in ended.stdout
