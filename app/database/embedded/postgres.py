"""Starting and stopping the embedded Postgres."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from app.database.embedded.data_directory import (
    SOCKET,
    START_TIMEOUT_SECONDS,
    is_ready,
    read_owner_file,
    take_lock,
    url_of,
)
from app.database.embedded.errors import EmbeddedPostgresError
from app.database.embedded.programs import Programs, last_complaint

_LONGEST_SOCKET_PATH = 107  # bytes; the limit of `sockaddr_un`
# Terse, because error details quote rows.
_SETTINGS = "--listen_addresses= --max_connections=100 --shared_buffers=64MB --log_error_verbosity=terse"


class EmbeddedPostgres:
    """A Postgres in a data directory; it ends with the process that owns it, even after a crash."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._cluster = self._data_dir / "postgres"
        self._held = ExitStack()

    def start(self) -> str:
        """Lock the data directory, start Postgres, and return the URL of the database "passgate".

        Waits until a Postgres that a crashed owner left behind has ended, and until the new one accepts
        connections. Call it from the main thread: Linux ends the child when the *thread* that started it ends.
        Raises `EmbeddedPostgresError` if another process owns the data directory or Postgres does not start.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the embedded Postgres must be started from the main thread")
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with ExitStack() as held:
                url = self._start(held)
                self._held = held.pop_all()
                return url
        except OSError as error:
            raise EmbeddedPostgresError(f"Postgres cannot run in {self._data_dir}: {error}") from error

    def stop(self) -> None:
        """Shut down Postgres, wait for its end, and unlock the data directory; safe to call twice."""
        self._held.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, held: ExitStack) -> str:
        lock = take_lock(self._data_dir)
        held.callback(os.close, lock)
        _, last_socket_dir = read_owner_file(self._data_dir)
        if last_socket_dir != self._cluster:
            shutil.rmtree(last_socket_dir, ignore_errors=True)
        # We have the lock, so no Postgres runs here. After a crash these files still exist, and Postgres refuses
        # to start if another process now has the recorded process id, as is common in a restarted container.
        for stale in ("postmaster.pid", SOCKET, f"{SOCKET}.lock"):
            (self._cluster / stale).unlink(missing_ok=True)

        programs = Programs(lock, self._cluster)
        short_dir = ""
        socket_path = os.fsencode(self._cluster / SOCKET)
        if len(socket_path) > _LONGEST_SOCKET_PATH or b"," in socket_path:  # a comma separates hosts in a URL
            short_dir = held.enter_context(tempfile.TemporaryDirectory(prefix="passgate-"))
            programs.change_owner(short_dir)
        (self._data_dir / "owner.lock").write_text(f"{os.getpid()}\n{short_dir}\n")
        if not self._cluster.exists():
            self._create_cluster(programs)

        log = self._data_dir / "postgres.log"
        if log.exists():
            log.replace(f"{log}.1")
        log.touch(mode=0o600)
        # "." needs no quoting and no permission to search the parent directories.
        command = ("postgres", *_SETTINGS.split(), f"--unix_socket_directories={short_dir or '.'}")
        with log.open("ab") as file:
            process = programs.popen(self._cluster, *command, stdin=subprocess.DEVNULL, stdout=file)
        held.callback(process.wait)
        held.callback(process.send_signal, signal.SIGINT)  # the "fast" shutdown: open transactions are rolled back
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not is_ready(self._data_dir):
            if process.poll() is not None or time.monotonic() > deadline:
                complaint = last_complaint(log.read_bytes())
                raise EmbeddedPostgresError(f"Postgres did not start in {self._data_dir}: {complaint}")
            time.sleep(0.005)
        return url_of(self._data_dir)

    def _create_cluster(self, programs: Programs) -> None:
        draft = self._data_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        programs.change_owner(draft)
        password = secrets.token_urlsafe(32)
        kept = self._data_dir / "postgres-password"
        kept.touch(mode=0o600)
        with kept.open("w") as file:
            file.write(password)
            file.flush()
            os.fsync(file.fileno())  # initdb syncs the cluster in the same way
        options = "--auth=scram-sha-256 --data-checksums --encoding=UTF8 --username=passgate --pwfile=/dev/stdin"
        builtin = "--locale-provider=builtin --builtin-locale=C.UTF-8"
        locale = "--locale=C" if programs.major in {15, 16} else builtin
        programs.run(draft, password, "initdb", *options.split(), *locale.split())
        programs.run(draft, "CREATE DATABASE passgate", "postgres", "--single", "-cexit_on_error=on", "postgres")
        # The rename is last, so that an interrupted first start leaves nothing that looks like a cluster.
        draft.rename(self._cluster)
