"""The arithmetic of the throttle, and a guesser's worst-case odds, which the README states."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.second_factor.settings.rules import MOST_AUTHENTICATORS
from app.second_factor.throttle import (
    FIRST_BLOCKING_FAILURE,
    MAX_GUESSES,
    MAX_SESSION_FAILURES,
    block_after,
    disable_at,
    failures_after_removal,
    retry_after,
    step_up_block_after,
)

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
DAY = 24 * 60 * 60
CHANCE = 3 / 1_000_000  # that six digits are one of the three passcodes that an authenticator accepts
authenticators = st.integers(1, MOST_AUTHENTICATORS)


def test_the_limits_are_those_of_the_api_contract() -> None:
    assert (FIRST_BLOCKING_FAILURE, MAX_SESSION_FAILURES, MAX_GUESSES) == (5, 5, 100)


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
    ("failures", "count", "seconds"),
    [
        (0, 1, 0),
        (4, 5, 0),
        (5, 1, 30),
        (5, 5, 30),
        (6, 1, 60),
        (10, 1, 960),
        (16, 1, 30 * 2**11),
        (17, 1, DAY),
        (17, 2, 30 * 2**12),
        (18, 2, 2 * DAY),
        (10**9, 1, DAY),
        (10**9, 5, 5 * DAY),
    ],
)
def test_the_block_of_step_ups_doubles_up_to_a_day_for_each_authenticator(
    failures: int, count: int, seconds: int
) -> None:
    assert step_up_block_after(failures, count) == timedelta(seconds=seconds)


@given(st.integers(0, 10**12), authenticators)
def test_a_further_failure_never_shortens_a_block(failures: int, count: int) -> None:
    assert block_after(failures) <= block_after(failures + 1)
    assert step_up_block_after(failures, count) <= step_up_block_after(failures + 1, count)


@pytest.mark.parametrize(("count", "failures"), [(1, 100), (2, 50), (3, 33), (4, 25), (5, 20), (0, 100)])
def test_more_authenticators_are_disabled_after_fewer_failures(count: int, failures: int) -> None:
    assert disable_at(count) == failures


@given(st.lists(st.sampled_from(["guess", "guess", "guess", "add", "remove"]), max_size=400), authenticators)
def test_no_order_of_guesses_and_changes_allows_more_than_a_hundred_checks(acts: list[str], count: int) -> None:
    failures = judged = 0
    for act in [*acts, *["guess"] * MAX_GUESSES]:
        if act == "remove" and count > 1:
            failures = failures_after_removal(failures, count)
            count -= 1
        elif act == "add" and count < MOST_AUTHENTICATORS:
            count += 1
        elif act == "guess":
            failures += 1
            judged += count
            if failures >= disable_at(count):
                break

    # Authenticators added before the last guess are checked once more than the count allows for.
    assert judged <= MAX_GUESSES + MOST_AUTHENTICATORS - 1
    if "add" not in acts:
        assert judged <= MAX_GUESSES


@given(st.integers(0, MAX_GUESSES), authenticators)
def test_removing_an_authenticator_neither_disables_nor_forgets_checks(failures: int, count: int) -> None:
    left = max(count - 1, 1)
    after = failures_after_removal(failures, count)

    assert after * left >= failures * count
    assert failures >= disable_at(count) or after < disable_at(left)


@pytest.mark.parametrize("count", range(1, MOST_AUTHENTICATORS + 1))
def test_the_odds_at_sign_in_are_three_in_ten_thousand_at_most(count: int) -> None:
    odds = 1 - (1 - CHANCE) ** (disable_at(count) * count)

    assert 0.00029 < odds < 0.0003000001


@pytest.mark.parametrize("count", range(1, MOST_AUTHENTICATORS + 1))
def test_the_odds_of_a_year_of_step_ups_are_fifteen_in_ten_thousand_at_most(count: int) -> None:
    seconds, failures = 0.0, 0
    while seconds <= 365 * DAY:
        failures += 1
        seconds += step_up_block_after(failures, count).total_seconds()

    odds = 1 - (1 - CHANCE) ** (failures * count)

    assert 0.0011 < odds < 0.0015


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
def test_retry_after_is_rounded_up(left: timedelta, seconds: int) -> None:
    assert retry_after(NOW + left, NOW) == seconds
