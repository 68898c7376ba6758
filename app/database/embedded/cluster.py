"""Making a new cluster, and the directory of its socket."""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from app.database.embedded.data_directory import SOCKET
from app.database.embedded.programs import Programs

_LONGEST_SOCKET_PATH = 107  # bytes; the limit of `sockaddr_un`
_FIRST_WITH_BUILTIN_LOCALES = 17


def make_cluster(programs: Programs, draft: Path, password: str) -> None:
    """Make a cluster with the user and the empty database "passgate" in the directory `draft`.

    Rename it when it is complete, so that an interruption leaves nothing that looks like a cluster.
    """
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    programs.change_owner(draft)
    options = "--auth=scram-sha-256 --data-checksums --encoding=UTF8 --username=passgate --pwfile=/dev/stdin"
    builtin = "--locale-provider=builtin --builtin-locale=C.UTF-8"
    locale = builtin if programs.major >= _FIRST_WITH_BUILTIN_LOCALES else "--locale=C"
    programs.run(draft, password, "initdb", *options.split(), *locale.split())
    programs.run(draft, "CREATE DATABASE passgate", "postgres", "--single", "-cexit_on_error=on", "postgres")


def short_socket_dir(held: ExitStack, programs: Programs) -> Path:
    """Return a new private directory with a short path; it is deleted when `held` closes."""
    directory = held.enter_context(tempfile.TemporaryDirectory(prefix="passgate-"))
    programs.change_owner(directory)
    return Path(directory)


def fits_socket(directory: Path) -> bool:
    """Whether a socket in this directory can be named in a URL."""
    path = os.fsencode(directory / SOCKET)
    return len(path) <= _LONGEST_SOCKET_PATH and b"," not in path  # a comma separates hosts in a URL


def sync_directory(directory: Path) -> None:
    """Make renames in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
