"""How guessing is slowed down: the arithmetic of docs/api.md section 4, over the failures of one user in a row.

Sign-in and step-up are limited apart, so that a session without the password takes nothing from a sign-in. With
`n` authenticators one passcode has `n` chances of three in a million (the steps that are accepted). Both limits
allow for that: the odds do not grow with the number of authenticators.
"""

from datetime import datetime, timedelta

FREE_FAILURES = 5  # the fifth failure in a row is the first that blocks
MOST_SESSION_FAILURES = 5  # step-ups of one session; the fifth ends it
MOST_JUDGED = 100  # authenticators, by failures in a row at sign-in, over any time (NIST SP 800-63B-4 3.2.2)

_SECOND = timedelta(seconds=1)
_FIRST_BLOCK = timedelta(seconds=30)
_LONGEST_BLOCK = timedelta(minutes=15)
_LONGEST_STEP_UP_BLOCK = timedelta(days=1)  # for each authenticator
_DOUBLINGS = 20  # more than it takes to reach any of the longest blocks


def block_after(failures: int) -> timedelta:
    """Return for how long a sign-in takes no passcode after so many failures in a row, the latest included."""
    return _block(failures, _LONGEST_BLOCK)


def step_up_block_after(failures: int, authenticators: int) -> timedelta:
    """Return for how long a step-up takes no passcode after so many failures in a row, the latest included.

    Nothing is ever disabled by a step-up. In its place the block grows up to a day for each authenticator: in the
    long run one authenticator is judged a day.
    """
    return _block(failures, _LONGEST_STEP_UP_BLOCK * max(authenticators, 1))


def _block(failures: int, longest: timedelta) -> timedelta:
    if failures < FREE_FAILURES:
        return timedelta(0)
    doublings = min(failures - FREE_FAILURES, _DOUBLINGS)
    return min(_FIRST_BLOCK * (1 << doublings), longest)


def disable_at(authenticators: int) -> int:
    """Return after how many failures in a row at sign-in the user's authenticators are disabled.

    Whether a passcode named one authenticator or was judged by all does not matter: who does both by turns would
    have more than `MOST_JUDGED` of them judged.
    """
    return MOST_JUDGED // max(authenticators, 1)


def failures_after_removal(failures: int, authenticators: int) -> int:
    """Return the failures in a row of a user who removes one of `authenticators`, rounded up.

    As many have been judged as before, so that the higher `disable_at` of fewer authenticators is no gain.
    """
    left = max(authenticators - 1, 1)
    return -(-failures * authenticators // left)


def retry_after(blocked_until: datetime, now: datetime) -> int:
    """Return the whole seconds until attempts are judged again, never fewer than it takes; at least 1."""
    return max(1, -((now - blocked_until) // _SECOND))
