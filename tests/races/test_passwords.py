"""Passwords sent many times at once through two instances (docs/api.md sections 5 and 9)."""

import asyncio

from tests.support.account.arrange import PASSWORD, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.passwords import WRONG, fail, limited_for
from tests.support.account.sign_ins import credentials
from tests.support.observe.audit import AuditTrail
from tests.support.programs.instances import Crowd, outcomes

LOOPBACK = "127.0.0.1"  # the client IP of the crowd


async def test_of_fifty_wrong_passwords_at_once_ten_are_checked(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.person()
    body = credentials(person, password=WRONG)

    responses = await asyncio.gather(*(crowd.post("/sign-ins", body) for _ in range(50)))

    assert outcomes(responses) == {"invalid_credentials": 10, "too_many_requests": 40}
    assert await limited_for(tenant, person.user.email, ip=LOOPBACK) == 60


async def test_of_wrong_passwords_for_many_users_at_once_a_hundred_are_checked(crowd: Crowd) -> None:
    bodies = [{"email": f"nobody-{number}@example.com", "password": WRONG} for number in range(30)]

    responses = await asyncio.gather(*(crowd.post("/sign-ins", body) for body in bodies * 4))

    assert outcomes(responses) == {"invalid_credentials": 100, "too_many_requests": 20}


async def test_right_passwords_at_once_leave_no_failure_behind(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.person()
    for _ in range(3):
        responses = await asyncio.gather(*(crowd.post("/sign-ins", credentials(person)) for _ in range(10)))
        assert outcomes(responses) == {"complete": 10}

    await fail(tenant, person.user.email, times=10, ip=LOOPBACK)


async def test_no_session_of_the_old_password_survives_its_change(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.signed_in()
    change = {"current_password": PASSWORD, "new_password": "quite another password"}

    changed, *responses = await asyncio.gather(
        crowd.request("PUT", "/users/me/password", token=person.browser.token, json=change),
        *(crowd.post("/sign-ins", credentials(person)) for _ in range(8)),
    )

    ok(changed, 204)
    assert set(outcomes(responses)) <= {"complete", "invalid_credentials"}
    for response in responses:
        if response.is_success:
            token = response.json()["session"]["token"]
            refused(await crowd.request("GET", "/session", token=token), 401, "unauthenticated")
    ok(await person.browser.get("/session"))
    assert len(ok(await person.browser.get("/users/me/sessions"))["items"]) == 1


async def test_of_concurrent_password_changes_one_succeeds(tenant: Tenant, crowd: Crowd) -> None:
    person = await tenant.signed_in()
    changes = [{"current_password": PASSWORD, "new_password": f"password number {number}"} for number in range(9)]

    responses = await asyncio.gather(
        *(
            crowd.request("PUT", "/users/me/password", token=person.browser.token, json=change)
            for change in changes
        )
    )

    assert outcomes(responses) == {"204": 1, "invalid_credentials": 8}
    [made] = [change for change, response in zip(changes, responses, strict=True) if response.is_success]
    assert (await tenant.sign_in(person, password=made["new_password"]))["status"] == "complete"


async def test_a_limit_reached_by_fifty_at_once_is_recorded_once(tenant: Tenant, crowd: Crowd) -> None:
    body = credentials(await tenant.person(), password=WRONG)
    trail = AuditTrail(tenant)

    await asyncio.gather(*(crowd.post("/sign-ins", body) for _ in range(50)))

    assert await trail.new_types() == ["limit.reached"] + ["sign_in.failed"] * 10
