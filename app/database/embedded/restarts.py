"""How often, and after which pause, an ended Postgres is started again."""

from collections import deque

MOST_RESTARTS = 5
PERIOD_SECONDS = 600


class RestartLimit:
    """At most `MOST_RESTARTS` in any `PERIOD_SECONDS`; times are those of a monotonic clock."""

    def __init__(self) -> None:
        self._restarts: deque[float] = deque(maxlen=MOST_RESTARTS)

    def admit(self, now: float) -> bool:
        """Count a restart and return True, or return False if there were too many."""
        if len(self._restarts) == MOST_RESTARTS and now - self._restarts[0] < PERIOD_SECONDS:
            return False
        self._restarts.append(now)
        return True


def pause_seconds(failures: int) -> int:
    """Return the pause before a restart, after this many failed ones in a row: 0, 1, 2, 4, 8, ..."""
    return 2 ** (failures - 1) if failures else 0
