"""How a security policy may change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.accounts.rules import first_policy
from app.administration.security_policy.rules import changed_policy
from app.core.errors import Conflict

NOW = datetime(2026, 8, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
FIRST = first_policy(NOW, ("totp",))
OPEN = replace(FIRST, api_password_access=True)
REQUIRED = replace(FIRST, require_end_users=True)


def test_a_new_account_requires_nothing_and_has_password_access_off() -> None:
    assert (FIRST.require_team_members, FIRST.require_end_users) == (False, False)
    assert FIRST.api_password_access is False
    assert (FIRST.trusted_device_days, FIRST.version) == (30, 1)


def test_a_change_increments_the_version_and_sets_the_time() -> None:
    changed = changed_policy(FIRST, {"trusted_device_days": 7}, now=LATER)

    assert changed == replace(FIRST, trusted_device_days=7, version=2, updated_at=LATER)


@pytest.mark.parametrize(
    "changes", [{}, {"trusted_device_days": 30}, {"require_team_members": False, "team_member_kinds": ("totp",)}]
)
def test_a_change_without_effect_returns_the_same_policy(changes: dict[str, Any]) -> None:
    assert changed_policy(FIRST, changes, now=LATER) is FIRST


@pytest.mark.parametrize("group", ["require_team_members", "require_end_users"])
def test_any_requirement_turns_password_access_off(group: str) -> None:
    assert changed_policy(OPEN, {group: True}, now=LATER).api_password_access is False


@pytest.mark.parametrize("changes", [{}, {"require_team_members": True}])
def test_password_access_cannot_be_turned_on_while_two_factor_is_required(changes: dict[str, Any]) -> None:
    with pytest.raises(Conflict) as refused:
        changed_policy(REQUIRED, changes | {"api_password_access": True}, now=LATER)

    assert refused.value.code == "two_factor_required"


def test_password_access_cannot_be_turned_on_together_with_a_requirement() -> None:
    with pytest.raises(Conflict):
        changed_policy(FIRST, {"require_team_members": True, "api_password_access": True}, now=LATER)


def test_password_access_can_be_turned_on_as_the_last_requirement_is_lifted() -> None:
    changed = changed_policy(REQUIRED, {"require_end_users": False, "api_password_access": True}, now=LATER)

    assert changed.api_password_access is True


def test_password_access_stays_off_when_the_requirement_is_lifted() -> None:
    required = changed_policy(OPEN, {"require_end_users": True}, now=LATER)

    assert changed_policy(required, {"require_end_users": False}, now=LATER).api_password_access is False
