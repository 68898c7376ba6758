"""Fallback without `PASSGATE_DATABASE_URL`: the embedded Postgres and generated keys."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from app.core.secret_keys import new_key_setting, parse_keys
from app.core.settings import SECRETS, Settings, SettingsError
from app.crypto.passwords import usable_cores
from app.database.embedded import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    describe_outage,
    known_url,
    running_url,
)


@contextmanager
def database_of(
    settings: Settings, *, as_owner: bool = False, may_start: bool = True, may_be_down: bool = False
) -> Iterator[Settings]:
    """Yield settings with a database and keys: those given, or those of the embedded Postgres.

    If another process runs the embedded Postgres, this one connects to it; if that Postgres is down, it raises
    `EmbeddedPostgresError`, unless the database `may_be_down`. With `as_owner` (`serve`, on which other processes
    depend) it raises that error in both cases, and names the process; its own Postgres is supervised, and if it
    is lost for good, this process gets SIGTERM and the block ends with `EmbeddedPostgresLostError`. Unless it
    `may_start` the embedded Postgres, it raises `SettingsError` if none runs.
    """
    if settings.database_url is not None:
        yield settings
        return
    url = None if as_owner else _url_of_another_process(settings.data_dir, may_be_down=may_be_down)
    if url is not None:
        yield _embedded(settings, url)
        return
    if not may_start:
        raise SettingsError(
            "PASSGATE_DATABASE_URL: is not set, and `passgate serve` does not run on PASSGATE_DATA_DIR"
        )
    postgres = EmbeddedPostgres(settings.data_dir, on_loss=_end_this_process if as_owner else None)
    try:
        yield _embedded(settings, postgres.start())
    finally:
        postgres.stop()
        if postgres.loss is not None:
            raise postgres.loss


def _end_this_process() -> None:
    """Stop like on SIGTERM: finish the running requests and jobs."""
    os.kill(os.getpid(), signal.SIGTERM)


def _url_of_another_process(data_dir: Path, *, may_be_down: bool) -> str | None:
    """Return the URL of the Postgres that another process owns, or None if none owns the data directory."""
    outage = describe_outage(data_dir)
    if outage is None:
        return running_url(data_dir)
    if may_be_down:
        with suppress(FileNotFoundError):  # its very first start
            return known_url(data_dir)
    raise EmbeddedPostgresError(outage)


def _embedded(settings: Settings, url: str) -> Settings:
    found = settings.with_generated(database_url=SecretStr(url))
    if settings.secret_keys is None:
        found = found.with_generated(secret_keys=SecretStr(keys_in(settings.data_dir)))
    return found


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
    """Pass generated settings and the hash threads to the worker processes, by environment.

    Unless `hash_threads` is set, the workers divide the cores for hashing: with more concurrent hashes than cores,
    they only evict one another from the CPU caches.
    """
    os.environ["PASSGATE_HASH_THREADS"] = str(settings.hash_threads or max(1, usable_cores() // workers))
    if settings.origin_of("public_url") == "generated":
        os.environ["PASSGATE_PUBLIC_URL"] = settings.public_url
    for name, field in SECRETS.items():  # of those that are set, the workers have the environment and the files
        value: SecretStr | None = getattr(settings, field)
        if value and settings.origin_of(field) == "generated":
            os.environ[name] = value.get_secret_value()
