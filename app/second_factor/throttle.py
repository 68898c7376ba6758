"""How guessing is slowed down: the arithmetic of contract section 4, over the failures of one user in a row."""

from datetime import datetime, timedelta

FREE_FAILURES = 5  # the fifth failure in a row is the first that blocks
DISABLE_AT = 100  # failures in a row, over any time (NIST SP 800-63B-4 3.2.2)

_SECOND = timedelta(seconds=1)
_FIRST_BLOCK = timedelta(seconds=30)
_LONGEST_BLOCK = timedelta(minutes=15)
_DOUBLINGS = 5  # as many as it takes to reach the longest block


def block_after(failures: int) -> timedelta:
    """Return for how long every attempt is refused after so many failures in a row, the latest included."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    doublings = min(failures - FREE_FAILURES, _DOUBLINGS)
    return min(_FIRST_BLOCK * (1 << doublings), _LONGEST_BLOCK)


def retry_after(blocked_until: datetime, now: datetime) -> int:
    """Return the whole seconds until attempts are judged again, never fewer than it takes; at least 1."""
    return max(1, -((now - blocked_until) // _SECOND))
