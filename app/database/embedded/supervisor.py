"""The thread that starts the embedded Postgres, and starts it again when it ends."""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

import structlog

from app.database.embedded.cluster import fits_socket, make_cluster, short_socket_dir, sync_directory
from app.database.embedded.data_directory import (
    cluster_in,
    log_in,
    major_of,
    read_owner_file,
    take_lock,
    write_owner_file,
    write_password,
)
from app.database.embedded.errors import EmbeddedPostgresError, EmbeddedPostgresLostError
from app.database.embedded.programs import Programs
from app.database.embedded.restarts import MOST_RESTARTS, PERIOD_SECONDS, RestartLimit, pause_seconds
from app.database.embedded.server import Server
from app.database.embedded.upgrade import settle_upgrade

log = structlog.get_logger()


class Supervisor:
    """Owns a data directory and its Postgres, from `begin` to `end`.

    One thread starts every server, because Linux ends a server when the *thread* that started it ends. With
    `on_loss` the thread starts the server again when it ends, and calls `on_loss` when that is of no use.
    """

    def __init__(self, data_dir: Path, on_loss: Callable[[], None] | None) -> None:
        self.loss: EmbeddedPostgresLostError | None = None
        self._data_dir = data_dir
        self._cluster = cluster_in(data_dir)
        self._on_loss = on_loss
        self._stopping = threading.Event()
        self._server: Server | None = None
        self._started: Future[None] = Future()
        # A daemon, so that a process that fails to stop Postgres can end; Postgres ends with it.
        self._thread = threading.Thread(target=self._run, name="embedded-postgres", daemon=True)

    def begin(self) -> None:
        """Lock the data directory and start Postgres; raises `EmbeddedPostgresError`."""
        self._thread.start()
        self._started.result()

    def end(self) -> None:
        """Stop Postgres at whatever it does, and unlock the data directory; safe to call twice."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()
        self._thread.join()

    def _run(self) -> None:
        with ExitStack() as held:
            try:
                server = self._start(held)
            except OSError as error:
                self._started.set_exception(
                    EmbeddedPostgresError(f"Postgres cannot run in {self._data_dir}: {error}")
                )
                return
            except BaseException as error:  # noqa: BLE001 -- raised again in the thread that waits
                self._started.set_exception(error)
                return
            self._started.set_result(None)
            self._supervise(server)
            self._stopping.wait()  # the data directory is ours until `end`, with or without a server

    def _start(self, held: ExitStack) -> Server:
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = take_lock(self._data_dir, self._stopping)
        held.callback(os.close, lock)
        _, last_socket_dir = read_owner_file(self._data_dir)
        if last_socket_dir != self._cluster:
            shutil.rmtree(last_socket_dir, ignore_errors=True)
        settle_upgrade(self._data_dir)

        programs = Programs(lock, self._cluster, major_of(self._cluster))
        if fits_socket(self._cluster):
            socket_dir = self._cluster
            write_owner_file(self._data_dir)
        else:
            socket_dir = short_socket_dir(held, programs)
            write_owner_file(self._data_dir, str(socket_dir))
        if not self._cluster.exists():
            password = secrets.token_urlsafe(32)
            write_password(self._data_dir, password)
            draft = self._data_dir / "postgres.new"
            make_cluster(programs, draft, password)
            draft.rename(self._cluster)
            sync_directory(self._data_dir)

        said = log_in(self._data_dir)
        if said.exists():
            said.replace(f"{said}.1")
        server = Server(programs, self._cluster, socket_dir=socket_dir, log=said)
        held.callback(server.close)
        held.callback(server.stop)
        self._server = server
        if self._stopping.is_set():
            raise EmbeddedPostgresError("Postgres is being stopped")
        server.start()
        return server

    def _supervise(self, server: Server) -> None:
        limit = RestartLimit()
        try:
            while True:
                status = server.wait()
                if self._on_loss is None or self._stopping.is_set():
                    return
                log.error("the embedded Postgres ended, and is started again", status=status)
                self._start_again(server, limit, f"it ended with status {status}")
        except Exception as error:  # noqa: BLE001 -- whatever it is, the process cannot go on without Postgres
            self._lose(error)

    def _start_again(self, server: Server, limit: RestartLimit, reason: str) -> None:
        begun = time.monotonic()
        failures = 0
        while limit.admit(time.monotonic()):
            if self._stopping.wait(pause_seconds(failures)):
                return
            try:
                server.start()
            except (EmbeddedPostgresError, OSError) as error:
                failures += 1
                reason = str(error)
                log.warning("the embedded Postgres does not start", reason=reason)
            else:
                seconds = round(time.monotonic() - begun, 1)
                log.warning("the embedded Postgres accepts connections again", seconds=seconds)
                return
        raise EmbeddedPostgresError(
            f"after {MOST_RESTARTS} restarts in {PERIOD_SECONDS // 60} minutes it is not started again: {reason}"
        )

    def _lose(self, error: Exception) -> None:
        if self._on_loss is None or self._stopping.is_set():
            return
        self.loss = EmbeddedPostgresLostError(
            f"The embedded Postgres ended, and {error}. {log_in(self._data_dir)} says more"
        )
        self._on_loss()
