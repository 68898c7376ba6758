"""Starts the server of the floors, and measures the start of the service."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.benchmarks.figures import Figure, figure
from tests.support.programs.serving import free_port, serving


@contextmanager
def floor_serving(database_url: str, workers: int) -> Iterator[str]:
    """Yield the URL of the floors, served by uvicorn with this many worker processes."""
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


def measure_start(directory: Path, rounds: int) -> list[Figure]:
    """Start `passgate serve` twice on each of several new embedded databases."""
    first, later = [], []
    for number in range(rounds):
        first.append(_start_seconds(directory / f"start-{number}"))
        later.append(_start_seconds(directory / f"start-{number}"))
    return [
        figure("serve on the embedded database, first start", first, 5, at_most=True, unit="s"),
        figure("serve on the embedded database, later start", later, 2, at_most=True, unit="s"),
    ]


def _start_seconds(data_dir: Path) -> float:
    begun = time.perf_counter()
    with serving(data_dir):
        return time.perf_counter() - begun
