from datetime import UTC, datetime, timedelta

import pytest

from app.second_factor.throttle import DISABLE_AT, FREE_FAILURES, block_after, retry_after

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


def test_the_limits_are_the_contracts() -> None:
    assert (FREE_FAILURES, DISABLE_AT) == (5, 100)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        (0, 0),
        (1, 0),
        (4, 0),
        (5, 30),
        (6, 60),
        (7, 120),
        (8, 240),
        (9, 480),
        (10, 900),
        (11, 900),
        (99, 900),
        (100, 900),
        (10**9, 900),
    ],
)
def test_the_block_doubles_from_the_fifth_failure_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert block_after(failures) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (timedelta(seconds=30), 30),
        (timedelta(seconds=29, microseconds=1), 30),
        (timedelta(seconds=29, microseconds=999_999), 30),
        (timedelta(microseconds=1), 1),
        (timedelta(0), 1),
        (timedelta(seconds=-5), 1),
    ],
)
def test_the_wait_is_never_shorter_than_true(left: timedelta, seconds: int) -> None:
    assert retry_after(NOW + left, NOW) == seconds
