"""A real `passgate serve` in its own process, started as an operator would."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def passgate(
    *arguments: str, data_dir: Path, stdin: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env=environment(data_dir, settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environment(data_dir: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return the environment with these Passgate settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PASSGATE_", "PYTHONDONT"))}
    return {**kept, "PASSGATE_DATA_DIR": str(data_dir), **settings}


@contextmanager
def serving(data_dir: Path, *arguments: str, **settings: str) -> Iterator["Serving"]:
    """Yield a service that is ready, and stop it with SIGTERM."""
    port = free_port()
    log = (data_dir.parent / f"{data_dir.name}.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", str(port), *arguments],
        env=environment(data_dir, settings),
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    service = Serving(process, port, Path(log.name))
    try:
        service.wait_until_ready()
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()


class Serving:
    """A running service."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Wait until `/readyz` answers 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output()
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(self.output())

    def wait_for(self, is_so: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until the condition is true."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)

    def output(self) -> str:
        """Return what the service has printed so far."""
        return self._log.read_text()

    @property
    def owner_password(self) -> str:
        """The printed password of the demo account's owner."""
        found = re.search(r"^password +(\S+)", self.output(), re.MULTILINE)
        assert found, self.output()
        return found[1]


def installed(program: str) -> bool:
    """Whether a program is on the path."""
    return shutil.which(program) is not None
