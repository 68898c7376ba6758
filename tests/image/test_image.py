"""The image: its user, its file system, and the service behind nginx as in `compose.yaml`."""

import functools
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.core.secret_keys import new_key_setting
from tests.faults.cluster import Cluster
from tests.image.compose import gateway, services_of_passgate
from tests.image.containers import SHARED, Container, Image, container, run
from tests.support.account.reports import BYTE_ORDER_MARK, read_csv, text_of
from tests.support.programs.mail import mail_server
from tests.support.programs.nginx import nginx
from tests.support.programs.serving import free_port

OWNER, PASSWORD = "owner@shop.example", "a long enough password"
ACCOUNT = ("create-account", "shop", "--name", "Shop", "--owner-email", OWNER, "--password-stdin")
METRICS_TOKEN = "a-token-for-metrics"
METRICS = {"Authorization": f"Bearer {METRICS_TOKEN}"}
TOOLS = ("gcc", "cc", "g++", "c++", "make", "ld", "uv", "pip", "pip3")


def until(is_so: Callable[[], Any], seconds: float = 60) -> Any:
    """Call until the result is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Database:
    """A Postgres: its socket directory, and the settings of a container that mounts it."""

    sockets: Path
    settings: dict[str, str]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty Postgres and new secret keys."""
    cluster = Cluster(tmp_path / "data")
    cluster.start()
    try:
        parts = urlsplit(cluster.url)
        sockets = Path(parse_qs(parts.query)["host"][0])
        sockets.chmod(0o711)  # for the containers' user
        url = f"postgresql://passgate:{parts.password}@/passgate?host={SHARED}"
        yield Database(sockets, {"PASSGATE_DATABASE_URL": url, "PASSGATE_SECRET_KEYS": new_key_setting()})
    finally:
        cluster.stop()


def test_the_image_has_a_numeric_user_and_no_build_tools(image: Image) -> None:
    user, _, group = image.config["User"].partition(":")
    users = [line.split(":") for line in (image.root / "etc/passwd").read_text().splitlines()]
    assert int(user) > 0
    assert [entry[3] for entry in users if entry[2] == user] == [group]

    [path] = [text.removeprefix("PATH=") for text in image.config["Env"] if text.startswith("PATH=")]
    directories = [image.root / directory.lstrip("/") for directory in path.split(":")]
    assert (directories[0] / "passgate").exists()
    found = [directory / tool for directory in directories for tool in TOOLS]
    assert [file for file in found if file.exists() or file.is_symlink()] == []


def test_the_default_command_serves_passes_its_health_check_and_ends_on_sigterm(
    image: Image, database: Database, tmp_path: Path
) -> None:
    run(image, database.sockets, database.settings, "migrate")
    log = tmp_path / "log"
    with container(image, log, database.sockets, database.settings, alone=True) as serving:
        until(lambda: serving.is_healthy() or not serving.is_running())
        assert serving.is_running(), serving.output()
        assert user_of(serving) == image.config["User"]
        assert root_of(serving) == "ro"
        assert serving.end() == 0, serving.output()

    with container(image, log, database.sockets, database.settings, "worker", alone=True) as idle:
        until(lambda: user_of(idle) == image.config["User"])
        assert not idle.is_healthy()  # nothing serves there, so the check must fail


def user_of(running: Container) -> str:
    """Return user and group of the container's process 1."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    ids = re.findall(r"^[UG]id:\t(\d+)\t(\d+)\t(\d+)\t(\d+)$", status, re.MULTILINE)
    return ":".join(given for [given] in map(set, ids))


def root_of(running: Container) -> str:
    """Return `ro` or `rw`: how the container's root is mounted."""
    mounts = [line.split() for line in Path(f"/proc/{running.pid}/mountinfo").read_text().splitlines()]
    [options] = [mount[5] for mount in mounts if mount[4] == "/"]
    return options.split(",")[0]


def test_two_api_containers_and_a_worker_behind_nginx_sign_in_and_report(
    image: Image, database: Database, tmp_path: Path
) -> None:
    commands = {name: service["command"] for name, service in services_of_passgate().items()}
    front, first, second = (free_port() for _ in range(3))
    public_url = f"http://127.0.0.1:{front}"
    with ExitStack() as stack:
        mail = stack.enter_context(mail_server())
        settings = database.settings | {
            "PASSGATE_MAIL_URL": mail.url(),
            "PASSGATE_PUBLIC_URL": public_url,
            "PASSGATE_TRUSTED_PROXY_HOPS": "1",
            "PASSGATE_METRICS_TOKEN": METRICS_TOKEN,
        }
        run(image, database.sockets, settings, *commands["migrate"])
        run(image, database.sockets, settings, *ACCOUNT, stdin=PASSWORD)
        running = [
            stack.enter_context(container(image, tmp_path / f"{number}.log", database.sockets, settings, *command))
            for number, command in enumerate(
                (
                    (*commands["api"], "--port", str(first)),
                    (*commands["api"], "--port", str(second), "--workers", "2"),
                    commands["worker"],
                )
            )
        ]
        for port in (first, second):
            until(functools.partial(is_ready, port))
        stack.enter_context(nginx(tmp_path, front, gateway(front, first, second)))

        with httpx.Client(base_url=f"{public_url}/v1/accounts/shop") as browser:
            sign_in_by_passcode(browser)
            browser.post("/reports", json={"type": "two_factor_status"}).raise_for_status()
        letters = until(lambda: [letter for letter in mail.mailbox.of(OWNER) if "/report#" in text_of(letter)])
        [token] = set(re.findall(rf"{public_url}/links/shop/report\?locale=en#(\S+)", text_of(letters[0])))
        downloaded = httpx.post(f"{public_url}/v1/accounts/shop/report-downloads", json={"token": token})
        [row] = read_csv(downloaded.raise_for_status().content.removeprefix(BYTE_ORDER_MARK))
        for port in (first, second):
            assert metric_problems(metrics_of(port)) == ""

        assert [service.end() for service in running] == [0, 0, 0], [service.output() for service in running]
    assert (row["email"], row["two_factor"], row["methods"]) == (OWNER, "on", "totp")
    for service in running:
        assert events_in(service.output())


def sign_in_by_passcode(browser: httpx.Client) -> None:
    """Sign the owner in, enroll an authenticator, and sign in again without cookies.

    The passcodes come from oathtool.
    """
    credentials = {"email": OWNER, "password": PASSWORD}
    session = browser.post("/sign-ins", json=credentials).raise_for_status().json()["session"]
    browser.headers["Authorization"] = f"Bearer {session['token']}"
    enrollments = "/users/me/two-factor/enrollments"
    begun = browser.post(enrollments, json={"kind": "totp"}).raise_for_status().json()
    confirmation = {"passcode": passcode(begun["secret"], "now")}
    browser.post(f"{enrollments}/{begun['id']}/confirmation", json=confirmation).raise_for_status()

    browser.cookies.clear()
    asked = browser.post("/sign-ins", json=credentials).raise_for_status().json()
    assert asked["status"] == "passcode_required"
    answer = {"sign_in_token": asked["sign_in_token"], "passcode": passcode(begun["secret"], "+30 seconds")}
    session = browser.post("/sign-ins/passcode", json=answer).raise_for_status().json()["session"]
    assert session["assurance"] == "aal2"
    browser.headers["Authorization"] = f"Bearer {session['token']}"


def passcode(secret: str, when: str) -> str:
    command = ["oathtool", "--totp", "--base32", f"--now={when}", secret]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def metrics_of(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", headers=METRICS).raise_for_status().text


def metric_problems(metrics: str) -> str:
    """Return the output of Prometheus' `promtool check metrics`."""
    assert "passgate_requests_total{" in metrics
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True, check=False
    )
    return checked.stdout + checked.stderr


def events_in(log: str) -> list[str]:
    """Return the events of a log; assert that jq can parse every line."""
    read = subprocess.run(["jq", "-e", "-r", ".event"], input=log, capture_output=True, text=True, check=False)
    assert read.returncode == 0, log
    return read.stdout.splitlines()
