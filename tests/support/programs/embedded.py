"""What tests look up and break in the data directory of an embedded Postgres."""

from contextlib import suppress
from pathlib import Path


def postmaster_of(data_dir: Path) -> int | None:
    """Return the process id of the running or starting server; None while there is none."""
    with suppress(FileNotFoundError, IndexError):
        return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    return None


def break_settings(data_dir: Path) -> None:
    """Let the next start fail with a clear error."""
    _settings(data_dir).write_text("nonsense = 1\n")


def mend_settings(data_dir: Path) -> None:
    """Let the next start work again."""
    _settings(data_dir).write_text("")


def _settings(data_dir: Path) -> Path:
    return data_dir / "postgres" / "postgresql.auto.conf"
