"""Metrics of several worker processes: each serves the sum of all that are running."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from tests.support.account.client import ok
from tests.support.programs.serving import Serving, free_port, serving
from tests.web.test_metrics import value

START_TIMEOUT_SECONDS = 30


def workers_of(service: Serving) -> list[int]:
    """Return the pids of the worker processes, once there are two."""
    give_up_at = time.monotonic() + START_TIMEOUT_SECONDS
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    while time.monotonic() < give_up_at:
        found = [
            int(child) for child in children.read_text().split() if b"spawn_main" in command_of(child).read_bytes()
        ]
        if len(found) == 2:
            return found
        time.sleep(0.05)
    raise AssertionError("there are no two workers")


def command_of(process: str) -> Path:
    return Path("/proc") / process / "cmdline"


@contextmanager
def halted(process: int) -> Iterator[None]:
    """Stop a process during the block, so that the other one answers."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def get(service: Serving, path: str) -> httpx.Response:
    """Send a request over a new connection, with time for a worker that is still starting."""
    return httpx.get(service.url + path, timeout=START_TIMEOUT_SECONDS)


def metrics(port: int) -> str:
    """Return the metrics from the metrics port."""
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=START_TIMEOUT_SECONDS).raise_for_status().text


def wait_for_value(port: int, name: str, expected: float, **labels: str) -> None:
    """Wait until the metric has this value."""
    give_up_at = time.monotonic() + START_TIMEOUT_SECONDS
    while value(metrics(port), name, **labels) != expected:
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def pair(directory: Path, port: int) -> Iterator[Serving]:
    """A service of two workers, with temporary files in `directory` and metrics on `port`."""
    settings = {"TMPDIR": str(directory), "PASSGATE_METRICS_LISTEN": f"127.0.0.1:{port}"}
    with serving(directory / "data", "--workers", "2", "--no-jobs", **settings) as service:
        yield service


def test_two_workers_count_together(pair: Serving, port: int) -> None:
    workers = workers_of(pair)
    for worker in workers:
        with halted(worker):
            for _ in range(10):
                ok(get(pair, "/healthz"))
    wait_for_value(port, "passgate_requests_total", 20, route="/healthz", status="200")
    for worker in workers:
        with halted(worker):
            assert value(metrics(port), "passgate_requests_total", route="/healthz", status="200") == 20
            assert get(pair, "/metrics").status_code == 404  # at either worker


def test_gauges_of_a_killed_worker_are_not_counted(pair: Serving, port: int, directory: Path) -> None:
    assert pair.process.poll() is None
    ended = subprocess.Popen(["true"])
    ended.wait()
    [counts] = directory.glob("passgate-metrics-*")
    left = MmapedDict(str(counts / f"gauge_livesum_{ended.pid}.db"))  # type: ignore[no-untyped-call]  # the library's own
    name = "passgate_hash_queue"
    left.write_value(mmap_key(name, name, [], [], ""), 7, 0)  # type: ignore[no-untyped-call]  # likewise
    left.close()  # type: ignore[no-untyped-call]  # likewise

    assert value(metrics(port), name) == 0
