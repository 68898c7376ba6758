"""The data directory: its lock, its owner, and the URL of the Postgres that runs on it."""

import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from app.database.embedded.errors import EmbeddedPostgresError

START_TIMEOUT_SECONDS = 300.0  # for a start, which may include crash recovery, and for an orphaned Postgres to end
SOCKET = ".s.PGSQL.5432"


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the Postgres that any process runs on this data directory, or None."""
    data_dir = data_dir.absolute()
    try:
        # After a crash the file still says "ready", so try the socket, too.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(read_owner_file(data_dir)[1] / SOCKET))
        return url_of(data_dir) if is_ready(data_dir) else None
    except OSError:
        return None


def take_lock(data_dir: Path) -> int:
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
        if time.monotonic() > deadline or (owner and _is_alive(owner)):
            os.close(lock)
            raise EmbeddedPostgresError(f"{data_dir} is already in use by process {owner}")
        time.sleep(0.02)


def read_owner_file(data_dir: Path) -> tuple[int | None, Path]:
    """Return the process id of the last owner and the directory of its socket."""
    owner, short_dir, *_ = [*(data_dir / "owner.lock").read_text().splitlines(), "", ""]
    return int(owner) if owner else None, Path(short_dir) if short_dir else data_dir / "postgres"


def _is_alive(process_id: int) -> bool:
    with suppress(ProcessLookupError):
        return os.getpgid(process_id) >= 0
    return False


def is_ready(data_dir: Path) -> bool:
    """Whether Postgres has recorded that it accepts connections."""
    with suppress(FileNotFoundError):
        lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
        return [line.strip() for line in lines[7:]] == ["ready"]
    return False


def url_of(data_dir: Path) -> str:
    """Return the URL of the database "passgate"."""
    password = quote((data_dir / "postgres-password").read_text(), safe="")
    host = quote(str(read_owner_file(data_dir)[1]), safe="")
    return f"postgresql://passgate:{password}@/passgate?host={host}&port=5432"  # overrides PGPORT
