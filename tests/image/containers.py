"""Runs the image without a container engine: namespaces, read-only root, the image's user."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARED = "/mnt"
"""Where the shared directory is mounted in a container."""

# $1 is the root file system, $2 the shared directory, $3 user and group; the other arguments are run as process 1.
_ENTER = f"""
mount --bind "$1" "$1"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$1/tmp"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1{SHARED}"
mount -o remount,bind,ro "$1"
root="$1" user="$3"
shift 3
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" "$@"
"""


@dataclass(frozen=True)
class Image:
    """A file tree, and its configuration as Docker writes it."""

    root: Path
    config: dict[str, Any]

    def command(
        self, shared: Path, settings: dict[str, str], arguments: tuple[str, ...], *, alone: bool = False
    ) -> list[str]:
        """Return the command that starts a container; `alone` gives it its own network namespace."""
        spaces = ["--mount", "--pid", *(["--net"] if alone else [])]
        script = "ip link set lo up\n" + _ENTER if alone else _ENTER
        return [
            *("unshare", "--kill-child", *spaces, "sh", "-euc", script, "sh"),
            *(str(self.root), str(shared), self.config["User"]),
            *(*self._environment(settings), *self.config["Entrypoint"], *(arguments or self.config["Cmd"])),
        ]

    def health_check(self) -> list[str]:
        """Return the health check command, to be run in a container's root."""
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return [*self._environment({}), *command]

    def _environment(self, settings: dict[str, str]) -> list[str]:
        variables = [f"{name}={value}" for name, value in settings.items()]
        return ["env", "-i", "-C", self.config["WorkingDir"], *self.config["Env"], *variables]


class Container:
    """A running container."""

    def __init__(self, image: Image, process: subprocess.Popen[bytes], log: Path) -> None:
        self._image, self._process, self._log = image, process, log
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (found := children.read_text().split()):
            assert self.is_running(), self.output()
        self.pid = int(found[0])
        """The process id of its process 1, as seen outside."""

    def is_healthy(self) -> bool:
        """Return whether the image's health check succeeds inside the container."""
        user, _, group = self._image.config["User"].partition(":")
        enter = f"nsenter --target {self.pid} --mount --pid --net --root --setuid {user} --setgid {group}".split()
        return (
            subprocess.run([*enter, *self._image.health_check()], capture_output=True, check=False).returncode == 0
        )

    def is_running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> int:
        """Send SIGTERM, as a container engine does, and return the exit status."""
        os.kill(self.pid, signal.SIGTERM)
        return self._process.wait(40)

    def output(self) -> str:
        return self._log.read_text()


@contextmanager
def container(
    image: Image, log: Path, shared: Path, settings: dict[str, str], *arguments: str, alone: bool = False
) -> Iterator[Container]:
    """Run the image's default command, or `arguments`, and kill it in the end if it still runs.

    Its output goes to `log`.
    """
    with log.open("wb") as file:
        process = subprocess.Popen(
            image.command(shared, settings, arguments, alone=alone),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Container(image, process, log)
    finally:
        process.kill()
        process.wait(10)


def run(image: Image, shared: Path, settings: dict[str, str], *arguments: str, stdin: str = "") -> str:
    """Run a command of the image to its end, and return what it printed; it must succeed."""
    command = image.command(shared, settings, arguments)
    ended = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def load(directory: Path) -> Image:
    """Return the image that `build.sh` wrote to the directory."""
    return Image(directory / "root", json.loads((directory / "image.json").read_text())["Docker"]["config"])
