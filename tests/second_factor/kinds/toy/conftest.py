"""The service with two additional kinds."""

from collections.abc import Iterator

import pytest

from app.core.callers import Role
from app.second_factor.kinds.registry import register_for_test
from tests.second_factor.kinds.toy.kind import LETTER, TOY
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok
from tests.support.account.variants import variant


@pytest.fixture
def toys(tenant: Tenant) -> Iterator[Tenant]:
    """An account of a service with the toy kinds registered."""
    with register_for_test(TOY), register_for_test(LETTER):
        yield variant(tenant)


@pytest.fixture
async def toy_owner(toys: Tenant) -> SimulatedUser:
    """The owner of an account that allows the toy kinds."""
    owner = await toys.signed_in(Role.OWNER)
    kinds = ["totp", "toy", "toy_letter"]
    allowed = {"team_members": kinds, "end_users": kinds}
    ok(await owner.browser.patch("/security-policy", json={"allowed_kinds": allowed}))
    return owner
