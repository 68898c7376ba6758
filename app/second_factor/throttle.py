"""The throttle: blocks and disabling after consecutive failures (docs/api.md section 4).

Sign-in and step-up have separate limits, so that a stolen session, without the password, cannot block sign-ins. A
guess against `n` authenticators succeeds with a probability of `n` times three in a million, because three time
steps are accepted. Both limits take `n` into account, so the odds do not grow with the number of authenticators.
"""

from datetime import datetime, timedelta

FIRST_BLOCKING_FAILURE = 5  # the fifth consecutive failure is the first that blocks
MAX_SESSION_FAILURES = 5  # failed step-ups in one session; the fifth ends the session
MAX_GUESSES = 100  # authenticators tried in consecutive failures at sign-in (NIST SP 800-63B-4 3.2.2)

_SECOND = timedelta(seconds=1)
_FIRST_BLOCK = timedelta(seconds=30)
_LONGEST_BLOCK = timedelta(minutes=15)
_LONGEST_STEP_UP_BLOCK = timedelta(days=1)  # for each authenticator
_DOUBLINGS = 20  # upper bound of the exponent; the longest blocks are reached earlier


def block_after(failures: int) -> timedelta:
    """Return how long sign-in is blocked after this many consecutive failures."""
    return _block(failures, _LONGEST_BLOCK)


def step_up_block_after(failures: int, authenticators: int) -> timedelta:
    """Return how long step-up is blocked after this many consecutive failures.

    Failed step-ups never disable authenticators. Instead the block grows to one day per authenticator, so in the
    long run one authenticator is tried per day.
    """
    return _block(failures, _LONGEST_STEP_UP_BLOCK * max(authenticators, 1))


def _block(failures: int, longest: timedelta) -> timedelta:
    if failures < FIRST_BLOCKING_FAILURE:
        return timedelta(0)
    doublings = min(failures - FIRST_BLOCKING_FAILURE, _DOUBLINGS)
    return min(_FIRST_BLOCK * (1 << doublings), longest)


def disable_at(authenticators: int) -> int:
    """Return the number of consecutive failures at sign-in that disables the authenticators.

    A failure counts the same whether the passcode was for one authenticator or tried against all. Otherwise a
    guesser who alternates could exceed `MAX_GUESSES` guesses.
    """
    return MAX_GUESSES // max(authenticators, 1)


def failures_after_removal(failures: int, authenticators: int) -> int:
    """Return the new count of consecutive failures after one of `authenticators` is removed.

    Rounded up. With fewer authenticators `disable_at` is higher; the count grows in the same proportion, so that
    a removal allows no additional guesses.
    """
    left = max(authenticators - 1, 1)
    return -(-failures * authenticators // left)


def retry_after(blocked_until: datetime, now: datetime) -> int:
    """Return the whole seconds until the block ends, rounded up, at least 1."""
    return max(1, -((now - blocked_until) // _SECOND))
