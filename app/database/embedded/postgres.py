"""The embedded Postgres as its owner sees it: started once, supervised, stopped once."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from app.database.embedded.data_directory import known_url
from app.database.embedded.errors import EmbeddedPostgresError
from app.database.embedded.supervisor import Supervisor


class EmbeddedPostgres:
    """A Postgres in a data directory; it ends with the process that owns it, even after a crash.

    With `on_loss`, Postgres is supervised: started again whenever it ends. When that fails, or is needed too
    often, `loss` says why, and another thread calls `on_loss`.
    """

    def __init__(self, data_dir: Path, *, on_loss: Callable[[], None] | None = None) -> None:
        self._data_dir = data_dir.absolute()
        self._on_loss = on_loss
        self._supervisor: Supervisor | None = None

    @property
    def loss(self) -> EmbeddedPostgresError | None:
        """Why Postgres ended and was not started again; None if it was not so."""
        return self._supervisor.loss if self._supervisor else None

    def start(self) -> str:
        """Lock the data directory, start Postgres, and return the URL of the database "passgate".

        Waits until a Postgres that a crashed owner left behind has ended, and until the new one accepts
        connections. Raises `EmbeddedPostgresError` if another process owns the data directory or Postgres does
        not start.
        """
        supervisor = Supervisor(self._data_dir, self._on_loss)
        try:
            supervisor.begin()
        except BaseException:
            supervisor.end()
            raise
        self._supervisor = supervisor
        return known_url(self._data_dir)

    def stop(self) -> None:
        """Shut down Postgres, wait for its end, and unlock the data directory; safe to call twice."""
        if self._supervisor is not None:
            self._supervisor.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
