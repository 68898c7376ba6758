"""When two-factor authentication is on, off, still to be set up, or not applicable."""

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
@pytest.mark.parametrize("third_party_only", [False, True])
def test_the_status_follows_from_requirement_authenticator_choice_and_way_in(
    *, required: bool, has_authenticator: bool, turned_on_by_user: bool, third_party_only: bool, expected: Status
) -> None:
    found = status(
        required=required,
        has_authenticator=has_authenticator,
        turned_on_by_user=turned_on_by_user,
        third_party_only=third_party_only,
    )

    assert found == ("not_applicable" if third_party_only and not has_authenticator else expected)


@pytest.mark.parametrize(("required", "expected"), [(False, "off"), (True, "setup_required")])
def test_turned_on_by_user_has_no_effect_without_an_authenticator(*, required: bool, expected: Status) -> None:
    found = status(required=required, has_authenticator=False, turned_on_by_user=True, third_party_only=False)

    assert found == expected
