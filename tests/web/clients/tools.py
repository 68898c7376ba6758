"""Foreign programs that read the OpenAPI document, and are not part of Passgate."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_PROGRAMS = HERE / "node_modules" / ".bin"

_OLDEST_NODE = (20, 19)


def _has_node() -> bool:
    if shutil.which("node") is None or not _PROGRAMS.is_dir():
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    major, minor, _ = version.strip().removeprefix("v").split(".")
    return (int(major), int(minor)) >= _OLDEST_NODE


needs_node = pytest.mark.skipif(
    not _has_node(),
    reason="Node.js 20.19 or later, then: npm ci --ignore-scripts --prefix tests/web/clients",
)


def run(*command: str | Path, at: Path) -> str:
    """Run a program in a directory, and return what it printed. A failure fails the test with the output."""
    done = subprocess.run(
        command, cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}"
    return done.stdout


def run_npm(program: str, *arguments: str | Path, at: Path) -> str:
    """Run a program that npm installed."""
    return run(_PROGRAMS / program, *arguments, at=at)


def generate(generator: str, *options: str, document: Path, to: Path) -> str:
    """Generate a client with openapi-generator, and return what it printed."""
    program = Path(sys.executable).with_name("openapi-generator-cli")
    return run(program, "generate", "-g", generator, "-i", document, "-o", to, *options, at=to.parent)


def check_types(main: str, *, at: Path) -> None:
    """Check a TypeScript file, and all that it imports, with `tsc --strict`."""
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    run_npm("tsc", *options, "--types", "node", main, at=at)
