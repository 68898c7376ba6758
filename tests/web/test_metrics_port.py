"""The metrics port: off by default, separate from the public port, loopback only."""

import socket
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from app.core.settings import SettingsError, load_settings
from tests.support.programs.serving import free_port, passgate, serving
from tests.web.test_metrics import value


def test_the_metrics_of_one_process_are_on_their_own_port_alone(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path / "data", PASSGATE_METRICS_LISTEN=f"127.0.0.1:{port}") as service:
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        read = httpx.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text

        assert value(read, "passgate_requests_total", route="/healthz", status="200") == 1
        assert value(read, "passgate_database_up") == 1
        assert httpx.get(f"{service.url}/metrics").status_code == 404  # a request from this machine is not trusted
        for path in ("/", "/healthz", "/docs", "/openapi.json", "/v1/accounts/demo/session"):
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 404
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")  # it ends with the service


def test_without_the_setting_nothing_but_the_service_listens(tmp_path: Path) -> None:
    with serving(tmp_path / "data", PASSGATE_METRICS_TOKEN="a token") as service:
        listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        own = _open_files(service.process.pid)
        ports = {
            int(line[1].split(":")[1], 16)
            for line in listening
            if line[3] == "0A" and Path(f"socket:[{line[9]}]") in own
        }

        assert ports == {service.port}
        assert httpx.get(f"{service.url}/metrics").status_code == 401
        token = {"Authorization": "Bearer a token"}
        assert httpx.get(f"{service.url}/metrics", headers=token).status_code == 200


def _open_files(process: int) -> set[Path]:
    found = set()
    for path in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found.add(path.readlink())
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_stops_the_start_with_one_clear_line(tmp_path: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = passgate(
            *("serve", "--port", str(free_port()), "--workers", workers),
            data_dir=tmp_path / "data",
            PASSGATE_METRICS_LISTEN=f"127.0.0.1:{port}",
            PASSGATE_LOG_LEVEL="warning",
        )

    assert ended.returncode == 2
    said = f"cannot listen on 127.0.0.1 port {port}: Address already in use"
    assert ended.stderr == f"passgate: PASSGATE_METRICS_LISTEN: {said}\n"


def test_listening_beyond_loopback_requires_a_metrics_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSGATE_METRICS_LISTEN", "0.0.0.0:9464")
    with pytest.raises(SettingsError, match=r"loopback address.*PASSGATE_METRICS_TOKEN"):
        load_settings()

    monkeypatch.setenv("PASSGATE_METRICS_TOKEN", "a token")
    assert load_settings().metrics_address == ("0.0.0.0", 9464)  # noqa: S104 -- what was set
