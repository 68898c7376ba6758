"""How long a session lasts, what it has proven, and when it is fresh."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.assurance import is_fresh
from app.core.callers import Caller, Credential, RequestContext, Role
from app.sessions.rules import Session, Timeouts, lifetime_of

NOW = datetime(2026, 8, 22, 12, 0, tzinfo=UTC)


def a_session(**changes: Any) -> Session:
    values: dict[str, Any] = {
        "id": UUID(int=1),
        "user_id": UUID(int=2),
        "amr": ("pwd",),
        "first_factor_at": NOW,
        "second_factor_at": None,
        "created_at": NOW,
        "last_seen_at": NOW,
        "ip": "192.0.2.1",
        "user_agent": "",
    }
    return Session(**values | changes)


def a_caller(**changes: Any) -> Caller:
    values: dict[str, Any] = {
        "context": RequestContext(UUID(int=3), NOW, "192.0.2.1", "", "request"),
        "credential": Credential.SESSION,
        "user_id": UUID(int=2),
        "session_id": UUID(int=1),
        "email": "somebody@example.com",
        "role": Role.AGENT,
        "has_authenticator": False,
        "required_by_account": False,
        "first_factor_at": NOW,
        "second_factor_at": None,
    }
    return Caller(**values | changes)


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.AGENT])
def test_sessions_of_team_members_last_an_hour_idle_and_a_day_in_total(role: Role) -> None:
    assert lifetime_of(role) == Timeouts(timedelta(hours=1), timedelta(hours=24))


def test_sessions_of_end_users_last_eight_hours_idle_and_thirty_days_in_total() -> None:
    assert lifetime_of(Role.END_USER) == Timeouts(timedelta(hours=8), timedelta(days=30))


@pytest.mark.parametrize(
    ("seen_after", "ends_after"),
    [
        (timedelta(0), timedelta(hours=1)),
        (timedelta(hours=5), timedelta(hours=6)),
        (timedelta(hours=23, minutes=30), timedelta(hours=24)),
    ],
)
def test_a_session_ends_when_idle_or_too_old_whichever_is_first(
    seen_after: timedelta, ends_after: timedelta
) -> None:
    assert a_session(last_seen_at=NOW + seen_after).expires_at(Role.AGENT) == NOW + ends_after


def test_only_a_second_factor_makes_aal2() -> None:
    assert a_session().assurance == "aal1"
    assert a_session(second_factor_at=NOW).assurance == "aal2"


def test_authenticated_at_is_the_time_of_the_latest_factor() -> None:
    minute = timedelta(minutes=1)

    assert a_session().authenticated_at == NOW
    assert a_session(first_factor_at=NOW + minute).authenticated_at == NOW + minute
    assert a_session(first_factor_at=None, second_factor_at=NOW + 2 * minute).authenticated_at == NOW + 2 * minute


@pytest.mark.parametrize(("ago", "fresh"), [(0, True), (600, True), (600.001, False), (3600, False)])
def test_a_factor_is_fresh_for_exactly_ten_minutes(*, ago: float, fresh: bool) -> None:
    then = NOW - timedelta(seconds=ago)

    assert is_fresh(a_caller(first_factor_at=then)) is fresh
    assert is_fresh(a_caller(has_authenticator=True, second_factor_at=then)) is fresh


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("for_enrolling", [False, True])
def test_with_an_authenticator_the_password_makes_no_session_fresh(*, required: bool, for_enrolling: bool) -> None:
    caller = a_caller(has_authenticator=True, required_by_account=required)

    assert not is_fresh(caller, for_enrolling=for_enrolling)


def test_a_user_who_must_enroll_is_fresh_by_password_for_enrollment_only() -> None:
    caller = a_caller(required_by_account=True)

    assert is_fresh(caller, for_enrolling=True)
    assert not is_fresh(caller)


def test_a_second_factor_from_before_it_was_turned_off_does_not_replace_the_password() -> None:
    assert not is_fresh(a_caller(first_factor_at=NOW - timedelta(hours=1), second_factor_at=NOW))


@pytest.mark.parametrize("has_authenticator", [False, True])
def test_a_caller_without_a_proven_factor_is_not_fresh(*, has_authenticator: bool) -> None:
    caller = a_caller(has_authenticator=has_authenticator, first_factor_at=None)

    assert not is_fresh(caller)
    assert not is_fresh(caller, for_enrolling=True)
