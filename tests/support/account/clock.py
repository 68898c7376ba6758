"""A clock that stands still until a test turns it."""

from datetime import UTC, datetime, timedelta


class TurnableClock:
    """Starts at the machine's time, on a whole 30 s time step; only tests move it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        seconds = int(datetime.now(UTC).timestamp())
        self._now = datetime.fromtimestamp(seconds - seconds % 30, UTC)

    def now(self) -> datetime:
        return self._now

    def turn(self, **by: float) -> None:
        """Move by a `timedelta(**by)`, forward or back."""
        self._now += timedelta(**by)

    def set(self, now: datetime) -> None:
        self._now = now
