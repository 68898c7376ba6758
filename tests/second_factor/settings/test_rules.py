"""When two-factor authentication is on, off, or still to be set up."""

import pytest

from app.second_factor.settings.rules import Status, status


@pytest.mark.parametrize(
    ("required", "has_authenticator", "turned_on_by_user", "expected"),
    [
        (False, False, False, "off"),
        (False, True, False, "off"),
        (False, True, True, "on"),
        (True, False, False, "setup_required"),
        (True, True, False, "on"),
        (True, True, True, "on"),
    ],
)
def test_the_status_follows_from_requirement_authenticator_and_choice(
    *, required: bool, has_authenticator: bool, turned_on_by_user: bool, expected: Status
) -> None:
    found = status(required=required, has_authenticator=has_authenticator, turned_on_by_user=turned_on_by_user)

    assert found == expected


@pytest.mark.parametrize(("required", "expected"), [(False, "off"), (True, "setup_required")])
def test_turned_on_by_user_has_no_effect_without_an_authenticator(*, required: bool, expected: Status) -> None:
    assert status(required=required, has_authenticator=False, turned_on_by_user=True) == expected
