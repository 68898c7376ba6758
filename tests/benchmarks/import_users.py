"""Measures `passgate import-users` with 100,000 users: below a minute on two cores.

The database is the embedded Postgres.

.venv/bin/python -m tests.benchmarks.import_users [--users 100000]
"""

import argparse
import base64
import json
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
from argon2 import PasswordHasher

from tests.support.programs.serving import environment, serving

HASHES = (
    bcrypt.hashpw(b"a long enough password", bcrypt.gensalt(12)).decode(),
    PasswordHasher(memory_cost=65536, time_cost=3, parallelism=4).hash("a long enough password"),
)


def lines(count: int) -> Iterator[str]:
    """Yield users: all have an external id, 2 of 3 a password, 1 of 4 an authenticator."""
    for number in range(count):
        user = {
            "email": f"user.{number}@customer-{number % 97}.example",
            "name": f"Söhne & Töchter {number}",
            "role": "agent" if number % 20 == 0 else "end_user",
            "external_id": f"crm-{number:09}",
            "password_hash": HASHES[number % 2] if number % 3 else None,
            "totp_secret": base64.b32encode(secrets.token_bytes(20)).decode() if number % 4 == 0 else None,
        }
        yield json.dumps(user, ensure_ascii=False)


def passgate(data_dir: Path, *arguments: str) -> tuple[float, str]:
    """Run a command; return its duration in seconds, and its last line of output."""
    begun = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env=environment(data_dir, {}),
        capture_output=True,
        text=True,
        check=False,
    )
    said = (ended.stdout + ended.stderr).strip().splitlines()
    return time.perf_counter() - begun, f"{said[-1] if said else ''} (status {ended.returncode})"


def main() -> None:
    """Import while a service runs, then import again, when every line is refused."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=100_000)
    count = parser.parse_args().users
    with tempfile.TemporaryDirectory() as directory:
        data_dir = Path(directory) / "data"
        file = Path(directory) / "users.jsonl"
        file.write_text("\n".join(lines(count)))
        with serving(data_dir):
            for what in ("the first time", "once more"):
                seconds, said = passgate(data_dir, "import-users", "demo", str(file))
                print(f"{what}: {seconds:.1f} s; {said}")  # noqa: T201 -- a benchmark prints
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"the largest process had {memory} MiB")  # noqa: T201 -- as above


if __name__ == "__main__":
    main()
