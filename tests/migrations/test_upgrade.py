"""The previous release serves during the migrations, then both serve: no request fails."""

import asyncio
import base64
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.account.client import ok
from tests.support.programs.serving import Serving, environment, free_port, passgate, serving

PREVIOUS_RELEASE = "ad1dc1f"
"""What is deployed during a rollout: a tag, or the commit of the last deployment. Update it with each."""

ROOT = Path(__file__).parents[2]
PASSWORD = "a long enough password"
KEYS = "k1:" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the previous release, from the history of this clone."""
    command = ["git", "-C", str(ROOT), "archive", PREVIOUS_RELEASE, "app", "migrations"]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.skip(f"the history does not reach back to {PREVIOUS_RELEASE}: git fetch --unshallow")
    directory = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(directory, filter="data")
    return directory


@contextmanager
def previous_release(previous: Path, data_dir: Path, settings: dict[str, str]) -> Iterator[Serving]:
    """Migrate the database and serve with the previous release, in its source directory."""
    env = environment(data_dir, settings)
    _run_previous(previous, data_dir, settings, "migrate")
    port = free_port()
    log = data_dir.parent / "previous.log"
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=previous, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        service = Serving(process, port, log)
        service.wait_until_ready()
        yield service
    finally:
        process.terminate()
        process.wait(30)


def _run_previous(previous: Path, data_dir: Path, settings: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "app", *arguments]
    env = environment(data_dir, settings)
    subprocess.run(command, cwd=previous, env=env, input=PASSWORD, text=True, check=True)


async def use(service: Serving, stop: asyncio.Event, twice: asyncio.Event) -> None:
    """Sign in, read and change something repeatedly; no request may fail."""
    times = 0
    base = f"{service.url}/v1/accounts/acme"
    async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False) as http:
        while not stop.is_set():
            body = {"email": "boss@acme.example", "password": PASSWORD}
            complete = ok(await http.post("/sign-ins", json=body), 201)
            headers = {"Authorization": f"Bearer {complete['session']['token']}"}
            ok(await http.get("/users", headers=headers))
            ok(await http.get("/audit-events", headers=headers))
            ok(await http.get("/users/me/two-factor", headers=headers))
            change = {"trusted_device_days": times % 30}
            ok(await http.patch("/security-policy", json=change, headers=headers))
            enrollment = {"kind": "totp", "label": "Phone"}
            ok(await http.post("/users/me/two-factor/enrollments", json=enrollment, headers=headers), 201)
            ok(await http.post("/session/identity-token", json={"audience": "https://a.example"}, headers=headers))
            ok(await http.delete("/session", headers=headers), 204)
            times += 1
            if times > 1:
                twice.set()


async def test_both_releases_serve_during_and_after_the_migrations(
    previous: Path, empty_url: str, tmp_path: Path
) -> None:
    settings = {"PASSGATE_DATABASE_URL": empty_url, "PASSGATE_SECRET_KEYS": KEYS}
    data_dir = tmp_path / "data"
    with previous_release(previous, data_dir, settings) as old:
        boss = ("create-account", "acme", "--name", "Acme", "--owner-email", "boss@acme.example")
        _run_previous(previous, data_dir, settings, *boss, "--password-stdin")
        stop, old_worked, new_worked = asyncio.Event(), asyncio.Event(), asyncio.Event()
        before = asyncio.create_task(use(old, stop, old_worked))
        migrated = await asyncio.to_thread(passgate, "migrate", data_dir=data_dir, **settings)
        assert migrated.returncode == 0, migrated.stderr
        with serving(data_dir, **settings) as new:
            old_worked.clear()  # count only requests from now on, beside the new release
            after = asyncio.create_task(use(new, stop, new_worked))
            async with asyncio.timeout(60):
                await asyncio.gather(old_worked.wait(), new_worked.wait())
            stop.set()
            await asyncio.gather(before, after)
