"""The services of a process: created once by each entry point, and passed on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.clock import Clock, SystemClock
from app.core.secret_keys import parse_keys
from app.core.settings import PasswordLimits, Settings, SettingsError
from app.crypto.breached_passwords import BreachedPasswords, UnusableBreachFileError
from app.crypto.passwords import Hasher
from app.crypto.sealing import Sealer
from app.database.engine import Database

if TYPE_CHECKING:  # an optional extra
    from app.core.traces import Traces


@dataclass(frozen=True)
class Services:
    """The settings, and the objects that were created from them."""

    settings: Settings
    clock: Clock
    database: Database
    hasher: Hasher
    sealer: Sealer
    password_limits: PasswordLimits
    traces: "Traces | None" = None
    breached_passwords: BreachedPasswords | None = None

    @property
    def database_url(self) -> str:
        """The URL of the database, for code that needs a separate connection."""
        assert self.settings.database_url is not None  # noqa: S101 -- checked by `make_services`
        return self.settings.database_url.get_secret_value()

    async def close(self) -> None:
        """Close the connections and the threads, and send the remaining traces."""
        await self.database.close()
        self.hasher.close()
        if self.traces:
            await self.traces.close()


def make_services(settings: Settings, *, clock: Clock | None = None, hasher: Hasher | None = None) -> Services:
    """Create the services; raises `SettingsError` if the database or the keys are missing."""
    missing = []
    if settings.database_url is None:
        missing.append("PASSGATE_DATABASE_URL: is not set")
    if settings.secret_keys is None:
        missing.append("PASSGATE_SECRET_KEYS: is not set; it is required with PASSGATE_DATABASE_URL")
    if settings.database_url is None or settings.secret_keys is None:
        raise SettingsError(*missing)
    try:
        keys = parse_keys(settings.secret_keys.get_secret_value())
    except ValueError as error:
        raise SettingsError(f"PASSGATE_SECRET_KEYS: {error}") from None
    return Services(
        settings=settings,
        clock=clock or SystemClock(),
        database=Database(settings.database_url.get_secret_value()),
        hasher=hasher or Hasher(threads=settings.hash_threads),
        sealer=Sealer(keys),
        password_limits=PasswordLimits(settings.password_limits),
        traces=_make_traces(settings.traces_url),
        breached_passwords=_open_breached_passwords(settings.breached_passwords),
    )


def _make_traces(url: str | None) -> "Traces | None":
    if url is None:
        return None
    try:
        from app.core.traces import Traces  # noqa: PLC0415 -- an optional extra, loaded only if it is used
    except ModuleNotFoundError:
        raise SettingsError("PASSGATE_TRACES_URL: is set, but traces are the extra passgate[traces]") from None
    return Traces(url)


def _open_breached_passwords(path: Path | None) -> BreachedPasswords | None:
    if path is None:
        return None
    found = BreachedPasswords(path)
    try:
        found.check()
    except UnusableBreachFileError as error:
        raise SettingsError(f"PASSGATE_BREACHED_PASSWORDS: {error}") from None
    return found
