"""One Postgres server: start, readiness, end, and another start on the same cluster."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.database.embedded.data_directory import SOCKET, START_TIMEOUT_SECONDS, is_ready
from app.database.embedded.errors import EmbeddedPostgresError
from app.database.embedded.programs import Programs, last_complaint

LEFTOVER_SECONDS = 2
"""How long processes of an ended server may take to end by themselves."""

_KILL_SECONDS = 30
_LONGEST_COMPLAINT = 65_536
_FULL_BYTES = 1_048_576
# Terse, because error details quote rows.
_SETTINGS = "--listen_addresses= --max_connections=100 --shared_buffers=64MB --log_error_verbosity=terse"


class Server:
    """The Postgres server of a cluster. `stop` may be called from any thread."""

    def __init__(self, programs: Programs, cluster: Path, *, socket_dir: Path, log: Path) -> None:
        self._programs = programs
        self._cluster = cluster
        self._socket_dir = socket_dir
        self._log = log
        self._lock = threading.Lock()
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._alive: int | None = None
        """The end of a pipe whose other end every process of the server inherits: it ends with the last one."""

    def start(self) -> None:
        """Start the server, and wait until it accepts connections, after crash recovery if that is needed.

        The calling thread must outlive the server. Raises `EmbeddedPostgresError` if it does not start.
        """
        self._end_leftovers()
        # No Postgres runs here. After a crash these files still exist, and Postgres refuses to start if another
        # process now has the recorded process id, as is common in a restarted container.
        stale = (self._socket_dir / SOCKET, self._socket_dir / f"{SOCKET}.lock", self._cluster / "postmaster.pid")
        for path in stale:
            path.unlink(missing_ok=True)
        self._log.touch(mode=0o600)
        logged_before = self._log.stat().st_size
        process = self._spawn()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not is_ready(self._cluster):
            late = time.monotonic() > deadline
            if late or process.poll() is not None:
                self._end(process)
                why = (
                    self._complaint(logged_before)
                    or f"it said nothing, and ended with status {process.returncode}"
                )
                raise EmbeddedPostgresError(f"Postgres did not start in {self._cluster.parent}: {why}")
            time.sleep(0.005)

    def wait(self) -> int:
        """Wait until the server has ended; return its exit status, which is negative after a signal."""
        assert self._process is not None  # noqa: S101 -- it was started
        return self._process.wait()

    def stop(self) -> None:
        """Shut the server down, wait for its end, and let it not start again."""
        with self._lock:
            self._stopping = True
            process = self._process
        if process is not None:
            _interrupt(process)
            process.wait()

    def close(self) -> None:
        """Close what is left of a server that has ended."""
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    def _spawn(self) -> subprocess.Popen[bytes]:
        # "." needs no quoting and no permission to search the parent directories.
        socket_dir = "." if self._socket_dir == self._cluster else self._socket_dir
        command = ("postgres", *_SETTINGS.split(), f"--unix_socket_directories={socket_dir}")
        self.close()
        self._alive, inherited = os.pipe()
        os.set_blocking(self._alive, False)
        try:
            with self._lock, self._log.open("ab") as log:
                if self._stopping:
                    raise EmbeddedPostgresError("Postgres is being stopped")
                self._process = self._programs.popen(
                    self._cluster, *command, descriptors=[inherited], stdin=subprocess.DEVNULL, stdout=log
                )
        finally:
            os.close(inherited)
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        _interrupt(process)
        try:
            process.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _complaint(self, logged_before: int) -> str:
        with self._log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(logged_before, end - _LONGEST_COMPLAINT))
            complaint = last_complaint(log.read())
        full = shutil.disk_usage(self._cluster).free < _FULL_BYTES
        return "the disk is full" if full and not complaint else complaint

    def _end_leftovers(self) -> None:
        """Wait for the last process of an ended server: until then, a new one would corrupt the data.

        A backend notices the end of the server only after its statement. It is killed if it takes long, which is
        safe: crash recovery follows anyway.
        """
        begun = time.monotonic()
        while not self._has_ended():
            waited = time.monotonic() - begun
            if waited > START_TIMEOUT_SECONDS or self._stopping:
                raise EmbeddedPostgresError(f"Processes of the ended Postgres still run in {self._cluster}")
            if waited > LEFTOVER_SECONDS:
                for process in self._leftovers():
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
            time.sleep(0.02)

    def _has_ended(self) -> bool:
        if self._alive is None:  # never started: nobody else has the lock of the data directory
            return True
        with suppress(BlockingIOError):
            return os.read(self._alive, 1) == b""
        return False

    def _leftovers(self) -> Iterator[int]:
        """Yield the processes that run this program on this cluster, where /proc says so (Linux)."""
        program = self._programs.directory / "postgres"
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is not ours
                if (process / "cwd").samefile(self._cluster) and (process / "exe").samefile(program):
                    yield int(process.name)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ask for the "fast" shutdown: open transactions are rolled back."""
    with suppress(ProcessLookupError):  # it ended just now
        process.send_signal(signal.SIGINT)
