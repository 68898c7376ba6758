"""Which answer a right password gets: the table of contract section 4, row by row, over HTTP."""

import pytest

from app.callers import Role
from tests.support.arrange import Person, Place


async def test_nothing_required_and_nothing_enrolled_completes(place: Place) -> None:
    person = await place.person()

    answer = await place.sign_in(person)

    assert answer["status"] == "complete"
    assert answer["session"]["amr"] == ["pwd"]
    assert answer["session"]["assurance"] == "aal1"


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_a_requirement_demands_enrollment_of_its_group_only(place: Place, owner: Person, role: Role) -> None:
    inside, outside = (
        await place.person(role),
        await place.person(Role.END_USER if role is Role.AGENT else Role.AGENT),
    )
    group = "team_members" if role is Role.AGENT else "end_users"

    await place.require(owner, **{group: True})

    assert (await place.sign_in(inside))["status"] == "enrollment_required"
    assert (await place.sign_in(outside))["status"] == "complete"
