"""The preview of a requirement: how many users it would affect."""

from typing import Any

import pytest
from fastapi import FastAPI

from app.core.callers import Role
from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.freshness import let_through_by_device
from tests.support.account.third_parties import link_identity
from tests.support.observe.sql import run_sql, set_status

PATH = "/security-policy/preview"


async def preview(person: SimulatedUser, **groups: str) -> dict[str, Any]:
    found: dict[str, Any] = ok(await person.browser.get(PATH, params=groups))
    return found


async def test_a_preview_counts_each_group_and_its_users_without_an_authenticator(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await tenant.enrolled(Role.AGENT)
    await tenant.person(Role.ADMIN)
    for _ in range(3):
        await tenant.person(Role.END_USER)
    await tenant.enrolled(Role.END_USER)

    assert await preview(owner, team_members="true", end_users="false") == {
        "team_members": {"total": 3, "without_two_factor": 2, "not_applicable": 0},
        "end_users": {"total": 4, "without_two_factor": 3, "not_applicable": 0},
        "api_password_access_users": 0,
    }


async def test_users_who_come_by_a_third_party_alone_are_counted_apart(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    for role in (Role.AGENT, Role.END_USER, Role.END_USER):
        await link_identity(tenant, await tenant.person(role, password=None))
    await link_identity(tenant, await tenant.person(Role.AGENT))  # who has a password, too
    await tenant.person(Role.AGENT, password=None)  # invited, and without any way in yet
    enrolled = await tenant.enrolled(Role.END_USER)
    await link_identity(tenant, enrolled)
    await run_sql(tenant, "UPDATE users SET password_hash = NULL WHERE id = :id", id=enrolled.user.id)
    gone = await tenant.person(Role.AGENT, password=None)
    await link_identity(tenant, gone)
    await set_status(tenant, gone, "suspended")

    found = await preview(owner, team_members="true", end_users="true")

    assert found["team_members"] == {"total": 4, "without_two_factor": 3, "not_applicable": 1}
    assert found["end_users"] == {"total": 3, "without_two_factor": 0, "not_applicable": 2}


async def test_suspended_users_are_not_counted(tenant: Tenant, owner: SimulatedUser) -> None:
    for person in (await tenant.person(Role.AGENT), await tenant.enrolled(Role.END_USER)):
        await set_status(tenant, person, "suspended")

    assert await preview(owner) == {
        "team_members": {"total": 1, "without_two_factor": 1, "not_applicable": 0},
        "end_users": {"total": 0, "without_two_factor": 0, "not_applicable": 0},
        "api_password_access_users": 0,
    }


async def test_an_enrollment_that_was_only_begun_does_not_count(owner: SimulatedUser) -> None:
    body = {"kind": "totp"}
    ok(await owner.browser.post("/users/me/two-factor/enrollments", json=body), 201)

    assert (await preview(owner))["team_members"] == {"total": 1, "without_two_factor": 1, "not_applicable": 0}


async def test_an_authenticator_counts_whether_it_was_turned_on_or_required(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await tenant.enroll(owner)
    statement = "UPDATE second_factor_state SET turned_on_by_user = false WHERE account_id = :account"
    await run_sql(tenant, statement)

    assert (await preview(owner))["team_members"] == {"total": 1, "without_two_factor": 0, "not_applicable": 0}


@pytest.mark.parametrize(
    ("groups", "losing"),
    [
        ({"team_members": "true"}, 3),
        ({"end_users": "true"}, 3),
        ({"team_members": "true", "end_users": "true"}, 3),
        ({"team_members": "false", "end_users": "false"}, 0),
        ({}, 0),
    ],
)
async def test_users_who_would_lose_password_access_are_counted(
    tenant: Tenant, owner: SimulatedUser, groups: dict[str, str], losing: int
) -> None:
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": True}))
    await tenant.person(Role.AGENT)
    await tenant.person(Role.END_USER)
    await tenant.enrolled(Role.AGENT)  # with 2FA on, password access is refused already
    await tenant.person(Role.AGENT, password=None)
    await set_status(tenant, await tenant.person(Role.AGENT), "suspended")

    assert (await preview(owner, **groups))["api_password_access_users"] == losing


async def test_if_password_access_is_off_nobody_loses_it(tenant: Tenant, owner: SimulatedUser) -> None:
    await tenant.person(Role.AGENT)

    assert (await preview(owner, team_members="true"))["api_password_access_users"] == 0


async def test_a_preview_changes_nothing(tenant: Tenant, owner: SimulatedUser) -> None:
    before = await owner.browser.get("/security-policy")

    await preview(owner, team_members="true", end_users="true")

    after = await owner.browser.get("/security-policy")
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])
    assert (await tenant.sign_in(await tenant.person()))["status"] == "complete"


async def test_other_accounts_are_not_counted(
    app: FastAPI, services: Services, owner: SimulatedUser, clock: TurnableClock
) -> None:
    await (await make_tenant(app, services, clock)).person(Role.AGENT)

    assert (await preview(owner))["team_members"]["total"] == 1


async def test_an_admin_gets_a_preview_without_a_fresh_second_factor(tenant: Tenant) -> None:
    admin = await let_through_by_device(tenant, Role.ADMIN)

    assert (await preview(admin))["team_members"]["total"] == 1


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_get_no_preview(tenant: Tenant, role: Role) -> None:
    person = await tenant.enrolled(role)

    refused(await person.browser.get(PATH), 403, "forbidden")


async def test_an_unauthenticated_caller_gets_no_preview(tenant: Tenant) -> None:
    refused(await tenant.browser().get(PATH), 401, "unauthenticated")


@pytest.mark.parametrize("value", ["maybe", "", "2", "null"])
async def test_a_value_other_than_true_or_false_is_refused(owner: SimulatedUser, value: str) -> None:
    answer = await owner.browser.get(PATH, params={"team_members": value})

    problem = refused(answer, 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/team_members"]
