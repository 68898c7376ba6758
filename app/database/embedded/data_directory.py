"""The data directory: its files, its lock, its owner, and the URL of the Postgres that runs on it."""

import fcntl
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from app.database.embedded.errors import EmbeddedPostgresError

START_TIMEOUT_SECONDS = 300.0  # for a start, which may include crash recovery, and for an orphaned Postgres to end
SOCKET = ".s.PGSQL.5432"


def cluster_in(data_dir: Path) -> Path:
    """Return the path of the cluster, the directory that Postgres calls its data directory."""
    return data_dir / "postgres"


def major_of(cluster: Path) -> int | None:
    """Return the major version that made a cluster; None if there is no cluster."""
    return int((cluster / "PG_VERSION").read_text()) if cluster.exists() else None


def log_in(data_dir: Path) -> Path:
    """Return the path of the log that Postgres writes."""
    return data_dir / "postgres.log"


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the Postgres that any process runs on this data directory, or None."""
    data_dir = data_dir.absolute()
    try:
        # After a crash the file still says "ready", so try the socket, too.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(read_owner_file(data_dir)[1] / SOCKET))
        return known_url(data_dir) if is_ready(cluster_in(data_dir)) else None
    except OSError:
        return None


def describe_outage(data_dir: Path) -> str | None:
    """Say in one line why the Postgres of another process does not answer; None if it does, or none has one."""
    data_dir = data_dir.absolute()
    owner = _running_owner(data_dir)
    if owner is None or running_url(data_dir) is not None:
        return None
    recorded = _recorded_state(cluster_in(data_dir))
    state = recorded if recorded in {"starting", "stopping"} else "down"
    return (
        f"The embedded Postgres of process {owner} accepts no connections: it is {state}. That process starts it "
        f"again, or ends; {log_in(data_dir)} says more"
    )


def known_url(data_dir: Path) -> str:
    """Return the URL of the database "passgate", which is the same as long as the owner is."""
    password = quote(read_password(data_dir), safe="")
    host = quote(str(read_owner_file(data_dir.absolute())[1]), safe="")
    return f"postgresql://passgate:{password}@/passgate?host={host}&port=5432"  # overrides PGPORT


def read_password(data_dir: Path) -> str:
    """Return the password of the cluster's only user."""
    return (data_dir / "postgres-password").read_text()


def write_password(data_dir: Path, password: str) -> None:
    """Store the password of the cluster's only user, durably."""
    kept = data_dir / "postgres-password"
    kept.touch(mode=0o600)
    with kept.open("w") as file:
        file.write(password)
        file.flush()
        os.fsync(file.fileno())  # initdb syncs the cluster in the same way


def take_lock(data_dir: Path, stopping: threading.Event) -> int:
    """Return the descriptor of the lock; raises `EmbeddedPostgresError` if another process has it."""
    # Read-only: Postgres inherits it, and must not be able to write the path that the next start deletes as root.
    lock = os.open(data_dir / "owner.lock", os.O_RDONLY | os.O_CREAT, 0o600)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        # Postgres shares the lock. If the owner is gone, an orphaned Postgres has the lock and is about to end.
        owner, _ = read_owner_file(data_dir)
        if time.monotonic() > deadline or (owner and _is_alive(owner)) or stopping.wait(0.02):
            os.close(lock)
            raise EmbeddedPostgresError(f"{data_dir} is already in use by process {owner}")


def write_owner_file(data_dir: Path, short_dir: str = "") -> None:
    """Record this process as the owner, and the directory of the socket if it is not in the cluster."""
    (data_dir / "owner.lock").write_text(f"{os.getpid()}\n{short_dir}\n")


def read_owner_file(data_dir: Path) -> tuple[int | None, Path]:
    """Return the process id of the last owner and the directory of its socket."""
    owner, short_dir, *_ = [*(data_dir / "owner.lock").read_text().splitlines(), "", ""]
    return int(owner) if owner else None, Path(short_dir) if short_dir else cluster_in(data_dir)


def is_ready(cluster: Path) -> bool:
    """Whether Postgres has recorded that it accepts connections."""
    return _recorded_state(cluster) == "ready"


def _recorded_state(cluster: Path) -> str | None:
    with suppress(FileNotFoundError):
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return lines[7].strip() if len(lines) == 8 else None  # noqa: PLR2004 -- the file has eight lines when complete
    return None


def _running_owner(data_dir: Path) -> int | None:
    """Return the id of the living process that has the lock, or None."""
    with suppress(FileNotFoundError), (data_dir / "owner.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            owner, _ = read_owner_file(data_dir)
            return owner if owner and _is_alive(owner) else None
    return None


def _is_alive(process_id: int) -> bool:
    with suppress(ProcessLookupError):
        return os.getpgid(process_id) >= 0
    return False
