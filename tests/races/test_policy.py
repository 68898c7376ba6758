"""Requiring two-factor and ending sessions while users sign in (docs/api.md section 7)."""

import asyncio
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import credentials
from tests.support.observe.locks import locked
from tests.support.programs.instances import Crowd, outcomes

REQUIRED_NOW = {"require_two_factor": {"end_users": True}, "end_sessions": True}
NOT_REQUIRED = {"require_two_factor": {"end_users": False}}


@pytest.fixture
async def admin(tenant: Tenant) -> SimulatedUser:
    return await tenant.enrolled(Role.OWNER)


async def change_policy(crowd: Crowd, admin: SimulatedUser, change: dict[str, Any]) -> None:
    ok(await crowd.request("PATCH", "/security-policy", token=admin.browser.token, json=change))


async def change_after(seconds: float, crowd: Crowd, admin: SimulatedUser) -> None:
    await asyncio.sleep(seconds)
    await change_policy(crowd, admin, REQUIRED_NOW)


async def test_no_session_of_a_user_who_must_enroll_survives_end_sessions(
    tenant: Tenant, crowd: Crowd, admin: SimulatedUser
) -> None:
    people = [await tenant.person(Role.END_USER) for _ in range(30)]
    enrolled = await tenant.enrolled(Role.END_USER)
    for seconds in (0.0, 0.03, 0.06, 0.1):
        await change_policy(crowd, admin, NOT_REQUIRED)

        changing = asyncio.create_task(change_after(seconds, crowd, admin))
        responses = await asyncio.gather(*(crowd.post("/sign-ins", credentials(person)) for person in people))
        await changing

        assert set(outcomes(responses)) <= {"complete", "enrollment_required"}
        for response in responses:
            if response.json()["status"] == "complete":
                token = response.json()["session"]["token"]
                refused(await crowd.request("GET", "/session", token=token), 401, "unauthenticated")
    ok(await enrolled.browser.get("/session"))
    ok(await admin.browser.get("/session"))


async def test_the_session_of_a_concurrent_sign_in_is_ended_too(
    tenant: Tenant, crowd: Crowd, admin: SimulatedUser
) -> None:
    person = await tenant.person(Role.END_USER)
    async with locked(tenant, person) as lock:
        signing_in = asyncio.create_task(crowd.post("/sign-ins", credentials(person)))
        await lock.until_waiting()  # it has locked and read the old policy
        changing = asyncio.create_task(change_policy(crowd, admin, REQUIRED_NOW))
        await lock.until_waiting(2)
        assert not changing.done()

    response, _ = await asyncio.gather(signing_in, changing)

    token = ok(response, 201)["session"]["token"]
    refused(await crowd.request("GET", "/session", token=token), 401, "unauthenticated")
    assert (await tenant.sign_in(person))["status"] == "enrollment_required"


async def test_policy_changes_at_once_do_not_undo_each_other(crowd: Crowd, admin: SimulatedUser) -> None:
    changes: list[dict[str, Any]] = [
        {"require_two_factor": {"end_users": True}},
        {"require_two_factor": {"team_members": True}},
        {"trusted_device_days": 3},
    ]

    await asyncio.gather(*(change_policy(crowd, admin, change) for change in changes * 5))

    policy = ok(await admin.browser.get("/security-policy"))
    assert policy["require_two_factor"] == {"team_members": True, "end_users": True}
    assert policy["trusted_device_days"] == 3


async def test_of_concurrent_changes_to_one_version_one_succeeds(crowd: Crowd, admin: SimulatedUser) -> None:
    version = (await admin.browser.get("/security-policy")).headers["etag"]

    responses = await asyncio.gather(
        *(
            crowd.request(
                "PATCH",
                "/security-policy",
                token=admin.browser.token,
                headers={"If-Match": version},
                json={"trusted_device_days": days},
            )
            for days in range(1, 21)
        )
    )

    assert sorted(response.status_code for response in responses) == [200] + [412] * 19
