"""Fallback without `PASSGATE_DATABASE_URL`: the embedded Postgres and generated keys."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from app.core.secret_keys import new_key_setting
from app.core.settings import Settings
from app.crypto.passwords import usable_cores
from app.database.embedded import EmbeddedPostgres, running_url


@contextmanager
def database_of(settings: Settings, *, as_owner: bool = False) -> Iterator[Settings]:
    """Yield settings with a database and keys: those given, or those of the embedded Postgres.

    If another process runs the embedded Postgres, this one connects to it. With `as_owner` (`serve`, on which
    other processes depend) it raises `EmbeddedPostgresError` instead, which names that process.
    """
    if settings.database_url is not None:
        yield settings
        return
    url = None if as_owner else running_url(settings.data_dir)
    if url is not None:
        yield _embedded(settings, url)
        return
    postgres = EmbeddedPostgres(settings.data_dir)
    url = postgres.start()
    try:
        yield _embedded(settings, url)
    finally:
        postgres.stop()


def _embedded(settings: Settings, url: str) -> Settings:
    keys = settings.secret_keys or SecretStr(_keys_in(settings.data_dir))
    return settings.model_copy(update={"database_url": SecretStr(url), "secret_keys": keys})


def _keys_in(data_dir: Path) -> str:
    """Return the keys of the embedded database; create them the first time."""
    path = data_dir / "secret-keys"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(new_key_setting() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return path.read_text().strip()


def export_to_workers(settings: Settings, *, workers: int) -> None:
    """Pass the database, the keys and the hash threads to the worker processes, by environment.

    Unless `hash_threads` is set, the workers divide the cores for hashing: with more concurrent hashes than cores,
    they only evict one another from the CPU caches.
    """
    os.environ["PASSGATE_HASH_THREADS"] = str(settings.hash_threads or max(1, usable_cores() // workers))
    if settings.database_url and settings.secret_keys:
        os.environ["PASSGATE_DATABASE_URL"] = settings.database_url.get_secret_value()
        os.environ["PASSGATE_SECRET_KEYS"] = settings.secret_keys.get_secret_value()
