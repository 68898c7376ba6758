"""The processes that are measured: the floors' server, a worker's memory, and the service's start."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.serving import free_port, serving


@contextmanager
def floor_serving(database_url: str, workers: int) -> Iterator[str]:
    """Yield the URL of the floors, on the same server with as many worker processes."""
    port = free_port()
    options = (
        f"--port {port} --workers {workers} --loop uvloop --http httptools --no-access-log --log-level warning"
    )
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "tests.benchmarks.floors:floor_app", *options.split()],
        env={**os.environ, "FLOOR_DATABASE_URL": database_url},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while not _answers(url):
            assert time.monotonic() < deadline, "the floors do not answer"
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 404
    except httpx.TransportError:
        return False


def memory_mib(pid: int) -> float:
    """Return the resident memory of the largest worker process of a service, in MiB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = [int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children]
    return max(pages) * os.sysconf("SC_PAGE_SIZE") / 1024**2


def start_seconds(data_dir: Path) -> float:
    """Start `passgate serve` on its embedded database; returns the seconds until it was ready."""
    begun = time.perf_counter()
    with serving(data_dir):
        return time.perf_counter() - begun
