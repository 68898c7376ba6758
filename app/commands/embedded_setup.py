"""Fallback without `PASSGATE_DATABASE_URL`: the embedded Postgres and generated keys."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from app.core.secret_keys import new_key_setting, parse_keys
from app.core.settings import Settings, SettingsError
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
    keys = settings.secret_keys or SecretStr(keys_in(settings.data_dir))
    return settings.model_copy(update={"database_url": SecretStr(url), "secret_keys": keys})


def keys_in(data_dir: Path) -> str:
    """Return the keys of the embedded database; create them the first time.

    Raises `SettingsError` if the file does not hold usable keys.
    """
    path = data_dir / "secret-keys"
    if not path.exists():
        _create(path, new_key_setting() + "\n")
    try:
        keys = path.read_bytes().decode(errors="replace").strip()
        parse_keys(keys)
    except ValueError as error:
        raise SettingsError(f"The file {path} does not hold the keys. {error} Restore it from a backup.") from None
    return keys


def _create(path: Path, text: str) -> None:
    """Create the file with its whole text, or leave the one that another process has just created."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        Path(draft).unlink()


def export_to_workers(settings: Settings, *, workers: int) -> None:
    """Pass the database, the keys and the hash threads to the worker processes, by environment.

    Unless `hash_threads` is set, the workers divide the cores for hashing: with more concurrent hashes than cores,
    they only evict one another from the CPU caches.
    """
    os.environ["PASSGATE_HASH_THREADS"] = str(settings.hash_threads or max(1, usable_cores() // workers))
    if settings.database_url and settings.secret_keys:
        os.environ["PASSGATE_DATABASE_URL"] = settings.database_url.get_secret_value()
        os.environ["PASSGATE_SECRET_KEYS"] = settings.secret_keys.get_secret_value()
