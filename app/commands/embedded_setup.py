"""What a command uses that is told of no database: the embedded Postgres, and keys made in its directory."""

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
    """Yield settings that name a database and its keys: those given, or the embedded ones.

    The embedded Postgres that another process runs is joined, unless this one must be its owner (`serve`, which
    others rely on): then `EmbeddedPostgresError` says who has it.
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
    """Return the keys that were made with the embedded database, making them the first time."""
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
    """Tell the server's worker processes, which read the environment, what was decided here.

    Unless a setting says otherwise they share the cores for hashing: more hashes at once than there are cores only
    drive one another out of the caches.
    """
    os.environ["PASSGATE_HASH_THREADS"] = str(settings.hash_threads or max(1, usable_cores() // workers))
    if settings.database_url and settings.secret_keys:
        os.environ["PASSGATE_DATABASE_URL"] = settings.database_url.get_secret_value()
        os.environ["PASSGATE_SECRET_KEYS"] = settings.secret_keys.get_secret_value()
