"""`api_password_access` is never on while two-factor authentication is required of anybody."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused

PATH = "/security-policy"
ON = {"api_password_access": True}


async def access(person: SimulatedUser) -> bool:
    on: bool = ok(await person.browser.get(PATH))["api_password_access"]
    return on


async def test_password_access_can_be_turned_on_and_off_while_nothing_is_required(owner: SimulatedUser) -> None:
    assert ok(await owner.browser.patch(PATH, json=ON))["api_password_access"] is True
    assert await access(owner) is True

    assert ok(await owner.browser.patch(PATH, json={"api_password_access": False}))["api_password_access"] is False


@pytest.mark.parametrize("group", ["team_members", "end_users"])
async def test_password_access_cannot_be_turned_on_while_two_factor_is_required(
    tenant: Tenant, group: str
) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    await tenant.require(owner, **{group: True})

    refused(await owner.browser.patch(PATH, json=ON), 409, "two_factor_required")

    assert await access(owner) is False


@pytest.mark.parametrize("group", ["team_members", "end_users"])
async def test_a_requirement_turns_password_access_off_for_good(
    tenant: Tenant, owner: SimulatedUser, group: str
) -> None:
    await tenant.enroll(owner)
    ok(await owner.browser.patch(PATH, json=ON))

    required = ok(await owner.browser.patch(PATH, json={"require_two_factor": {group: True}}))
    released = ok(await owner.browser.patch(PATH, json={"require_two_factor": {group: False}}))

    assert required["api_password_access"] is False
    assert released["api_password_access"] is False


@pytest.mark.parametrize("group", ["team_members", "end_users"])
async def test_password_access_and_a_requirement_in_one_request_are_refused(
    owner: SimulatedUser, group: str
) -> None:
    body: dict[str, Any] = ON | {"require_two_factor": {group: True}, "trusted_device_days": 3}

    refused(await owner.browser.patch(PATH, json=body), 409, "two_factor_required")

    policy = ok(await owner.browser.get(PATH))
    assert policy["require_two_factor"] == {"team_members": False, "end_users": False}
    assert (policy["api_password_access"], policy["trusted_device_days"]) == (False, 30)


async def test_password_access_can_be_turned_on_only_if_no_group_stays_required(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await tenant.enroll(owner)
    await tenant.require(owner, team_members=True, end_users=True)

    body = ON | {"require_two_factor": {"end_users": False}}
    refused(await owner.browser.patch(PATH, json=body), 409, "two_factor_required")

    body = ON | {"require_two_factor": {"end_users": False, "team_members": False}}
    assert ok(await owner.browser.patch(PATH, json=body))["api_password_access"] is True
