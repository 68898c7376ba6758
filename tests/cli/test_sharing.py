"""What `serve` passes to its worker processes in the environment."""

import os

import pytest
from pydantic import SecretStr

from app.commands.embedded_setup import export_to_workers
from app.core.secret_keys import new_key_setting
from app.core.settings import Settings, load_settings


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ})
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize(
    ("workers", "configured", "threads"), [(1, None, 8), (2, None, 4), (3, None, 2), (64, None, 1), (4, 7, 7)]
)
def test_workers_share_the_cores_for_hashing(workers: int, configured: int | None, threads: int) -> None:
    url, keys = SecretStr("postgresql:///passgate"), SecretStr(new_key_setting())
    given = Settings(hash_threads=configured).with_generated(database_url=url, secret_keys=keys)

    export_to_workers(given, workers=workers)

    assert load_settings().hash_threads == threads
