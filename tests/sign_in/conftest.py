"""Who the tests of signing in need besides the owner."""

import pytest

from app.core.callers import Role
from tests.support.arrange import Person, Place


@pytest.fixture
async def admin(place: Place) -> Person:
    """The owner, with an authenticator: somebody who can go on changing the policy."""
    return await place.enrolled(Role.OWNER)


@pytest.fixture
async def newcomer(place: Place, admin: Person) -> Person:
    """An end user who must enroll."""
    await place.require(admin, end_users=True)
    return await place.person(Role.END_USER)
