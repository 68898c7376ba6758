"""Move the data of the embedded Postgres to the newer major version of the installed programs.

The old server runs on the old cluster and the new one on a new cluster, both on private sockets; a dump goes from
one to the other. The new cluster takes the place of the old one when it is complete, and the old one is kept.
"""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app.database.embedded.cluster import make_cluster, short_socket_dir, sync_directory
from app.database.embedded.data_directory import (
    cluster_in,
    log_in,
    major_of,
    read_password,
    take_lock,
    write_owner_file,
)
from app.database.embedded.errors import EmbeddedPostgresError
from app.database.embedded.programs import Programs, last_complaint
from app.database.embedded.server import Server

_PSQL = ("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1")
_COUNT_ROWS = """
    SELECT format('SELECT %L, count(*) FROM %I.%I', schemaname || '.' || tablename, schemaname, tablename)
    FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 \\gexec
"""
_OTHER_DATABASES = """
    SELECT datname FROM pg_database
    WHERE datname NOT IN ('passgate', 'postgres', 'template0', 'template1') ORDER BY 1
"""


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did: from one major version to another, and where the old cluster is kept."""

    before: int
    now: int
    kept: Path


def upgrade_cluster(data_dir: Path, programs_dir: Path | None = None) -> Upgrade | None:
    """Move the data to the installed major version; return None if there is nothing to do.

    The programs of the old version are searched in `programs_dir`, or where packages install them. Raises
    `EmbeddedPostgresError`; then the old cluster is as it was.
    """
    data_dir = data_dir.absolute()
    cluster = cluster_in(data_dir)
    try:
        if not data_dir.exists():
            raise EmbeddedPostgresError(f"{data_dir} holds no embedded Postgres")
        with ExitStack() as held:
            lock = take_lock(data_dir, threading.Event())
            held.callback(os.close, lock)
            write_owner_file(data_dir)
            settle_upgrade(data_dir)
            major = major_of(cluster)
            if major is None:
                raise EmbeddedPostgresError(f"{data_dir} holds no embedded Postgres")
            new = Programs(lock, cluster, None)
            if new.major == major:
                return None
            if new.major < major:
                raise EmbeddedPostgresError(f"{cluster} needs Postgres {major}, but here is only {new.major}")
            places = [programs_dir] if programs_dir else _usual_places(major)
            old = Programs(lock, cluster, major, directories=places)
            kept = data_dir / f"postgres.old-{major}"
            if kept.exists():
                raise EmbeddedPostgresError(f"{kept} is left of an earlier upgrade: move it away first")
            _move(data_dir, old, new)
            _replace(data_dir, kept)
            return Upgrade(major, new.major, kept)
    except OSError as error:
        raise EmbeddedPostgresError(f"The upgrade in {data_dir} failed: {error}") from error


def settle_upgrade(data_dir: Path) -> None:
    """Finish an upgrade that was interrupted while the new cluster took the old one's place.

    Needs the lock. A new cluster beside an old one that is still in its place is outdated.
    """
    complete = _complete_in(data_dir)
    if not complete.exists():
        return
    if cluster_in(data_dir).exists():
        shutil.rmtree(complete)
    else:
        complete.rename(cluster_in(data_dir))
        sync_directory(data_dir)


def _complete_in(data_dir: Path) -> Path:
    return data_dir / "postgres.upgraded"


def _usual_places(major: int) -> list[Path]:
    places = [Path(f"/usr/lib/postgresql/{major}/bin"), Path(f"/usr/pgsql-{major}/bin")]
    on_path = shutil.which("postgres")
    return [*places, *([Path(on_path).resolve().parent] if on_path else [])]


def _move(data_dir: Path, old: Programs, new: Programs) -> None:
    """Make the new cluster, complete and durable, as `postgres.upgraded`."""
    draft = data_dir / "postgres.new"
    password = read_password(data_dir)
    try:
        make_cluster(new, draft, password)
        with ExitStack() as held:
            source = _Client(new, draft, held.enter_context(_running(old, cluster_in(data_dir))), password)
            target = _Client(new, draft, held.enter_context(_running(new, draft)), password)
            if others := source.ask(_OTHER_DATABASES).split():
                raise EmbeddedPostgresError(f"{cluster_in(data_dir)} has other databases too: {', '.join(others)}")
            source.copy_to(target)
            target.ask("ANALYZE")
            if source.ask(_COUNT_ROWS) != target.ask(_COUNT_ROWS):
                raise EmbeddedPostgresError("The new cluster has not the rows of the old one")
        draft.rename(_complete_in(data_dir))
        sync_directory(data_dir)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _replace(data_dir: Path, kept: Path) -> None:
    cluster = cluster_in(data_dir)
    cluster.rename(kept)
    sync_directory(data_dir)
    settle_upgrade(data_dir)


@contextmanager
def _running(programs: Programs, cluster: Path) -> Iterator[Path]:
    """Run a server on a cluster; yield the directory of its socket."""
    with ExitStack() as held:
        socket_dir = short_socket_dir(held, programs)
        server = Server(programs, cluster, socket_dir=socket_dir, log=log_in(cluster.parent))
        held.callback(server.close)
        held.callback(server.stop)
        server.start()
        yield socket_dir


@dataclass(frozen=True)
class _Client:
    """The new version's client programs, connected to one server."""

    programs: Programs
    cluster: Path
    socket_dir: Path
    password: str

    def ask(self, sql: str) -> str:
        """Return the rows of statements, one a line."""
        with tempfile.TemporaryFile() as errors:
            psql = self._popen("psql", *_PSQL, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
            with psql:
                rows, _ = psql.communicate(sql.encode())
            _require_success("psql", psql.returncode, errors)
        return rows.decode()

    def copy_to(self, other: "_Client") -> None:
        """Copy schema and rows into the empty database of another server, in one transaction."""
        with tempfile.TemporaryFile() as dump_errors, tempfile.TemporaryFile() as errors:
            dump = self._popen("pg_dump", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=dump_errors)
            with dump:
                restore = ("psql", *_PSQL, "--single-transaction", "--file=-")
                with other._popen(*restore, stdin=dump.stdout, stdout=subprocess.DEVNULL, stderr=errors) as psql:  # noqa: SLF001 -- of the same class
                    assert dump.stdout is not None  # noqa: S101 -- it is a pipe
                    dump.stdout.close()  # so that the dump ends if the restore does
            _require_success("psql", psql.returncode, errors)
            _require_success("pg_dump", dump.returncode, dump_errors)

    def _popen(self, program: str, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        connection = {"PGHOST": str(self.socket_dir), "PGUSER": "passgate", "PGDATABASE": "passgate"}
        environment = {**connection, "PGPORT": "5432", "PGPASSWORD": self.password}
        return self.programs.popen(self.cluster, program, *arguments, environment=environment, **streams)


def _require_success(program: str, status: int, errors: IO[bytes]) -> None:
    if status:
        errors.seek(0)
        raise EmbeddedPostgresError(f"{program} failed with status {status}: {last_complaint(errors.read())}")
