"""Nobody turns off two-factor of another user: not an admin, not the owner, not by any id."""

import pytest
from fastapi import FastAPI

from app.core.callers import Role
from app.services import Services
from tests.support.account.arrange import Tenant, make_tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock


@pytest.mark.parametrize("role", list(Role))
async def test_nobody_turns_off_the_two_factor_authentication_of_another_user(tenant: Tenant, role: Role) -> None:
    caller, target = await tenant.enrolled(role), await tenant.enrolled(Role.AGENT)

    answer = await caller.browser.delete(f"/users/{target.id}/two-factor")

    refused(answer, 403, "only_the_user_can_turn_off")
    assert ok(await target.browser.get("/users/me/two-factor"))["status"] == "on"


async def test_a_session_that_is_not_fresh_gets_the_same_answer(tenant: Tenant, clock: TurnableClock) -> None:
    caller, target = await tenant.enrolled(Role.OWNER), await tenant.enrolled()
    clock.turn(minutes=30)

    answer = await caller.browser.delete(f"/users/{target.id}/two-factor")

    refused(answer, 403, "only_the_user_can_turn_off")


@pytest.mark.parametrize(
    "unknown", ["019a0000-0000-7000-8000-000000000000", "1", "me-not", "00000000-0000-0000-0000-000000000000"]
)
async def test_unknown_ids_get_the_same_answer(tenant: Tenant, unknown: str) -> None:
    owner = await tenant.enrolled(Role.OWNER)

    refused(await owner.browser.delete(f"/users/{unknown}/two-factor"), 403, "only_the_user_can_turn_off")


async def test_the_callers_own_id_gets_the_same_answer(tenant: Tenant) -> None:
    owner = await tenant.enrolled(Role.OWNER)

    refused(await owner.browser.delete(f"/users/{owner.id}/two-factor"), 403, "only_the_user_can_turn_off")

    assert ok(await owner.browser.get("/users/me/two-factor"))["status"] == "on"


async def test_a_user_of_another_account_gets_the_same_answer(
    app: FastAPI, services: Services, tenant: Tenant, clock: TurnableClock
) -> None:
    elsewhere = await make_tenant(app, services, clock)
    owner, target = await tenant.enrolled(Role.OWNER), await elsewhere.enrolled()

    refused(await owner.browser.delete(f"/users/{target.id}/two-factor"), 403, "only_the_user_can_turn_off")

    assert ok(await target.browser.get("/users/me/two-factor"))["status"] == "on"


async def test_without_a_credential_the_answer_is_unauthenticated(tenant: Tenant) -> None:
    target = await tenant.enrolled()

    refused(await tenant.browser().delete(f"/users/{target.id}/two-factor"), 401, "unauthenticated")

    assert ok(await target.browser.get("/users/me/two-factor"))["status"] == "on"
