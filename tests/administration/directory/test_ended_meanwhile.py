"""A request is refused if its credential ends while the request waits for a lock."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from app.administration.security_policy import jobs
from app.core.callers import Role
from app.sign_in import repository as sign_ins
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import by_token
from tests.support.account.sign_ins import submit
from tests.support.observe.locks import locked
from tests.support.observe.mailbox import empty_mailbox
from tests.support.observe.sql import run_sql


async def test_a_token_that_a_hand_over_ended_signs_nobody_in(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.signed_in(Role.ADMIN)
    backend = await by_token(tenant, owner, "sign_ins")
    body = {"user_id": heir.id, "first_factor": "sso"}
    async with locked(tenant, heir) as lock:
        handing_over = asyncio.create_task(owner.browser.post("/ownership", json={"user_id": heir.id}))
        await lock.until_waiting(1)
        asserting = asyncio.create_task(backend.post("/sign-ins/assertions", json=body))
        await lock.until_waiting(2)

    ok(await handing_over)
    refused(await asserting, 401, "unauthenticated")


async def test_a_session_that_a_hand_over_ended_makes_no_token(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.signed_in(Role.ADMIN)
    body = {"description": "x", "scopes": ["sign_ins"]}
    async with locked(tenant, heir) as lock:
        handing_over = asyncio.create_task(owner.browser.post("/ownership", json={"user_id": heir.id}))
        await lock.until_waiting(1)
        making = asyncio.create_task(heir.browser.post("/api-tokens", json=body))
        await lock.until_waiting(2)

    ok(await handing_over)
    refused(await making, 401, "unauthenticated")


async def test_the_token_of_an_admin_who_was_suspended_meanwhile_signs_nobody_in(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    admin, agent = await tenant.signed_in(Role.ADMIN), await tenant.person()
    backend = await by_token(tenant, admin, "sign_ins")
    body = {"user_id": agent.id, "first_factor": "sso"}
    async with locked(tenant, agent) as lock:
        asserting = asyncio.create_task(backend.post("/sign-ins/assertions", json=body))
        await lock.until_waiting(1)
        ok(await owner.browser.patch(f"/users/{admin.id}", json={"status": "suspended"}))

    refused(await asserting, 401, "unauthenticated")


ACTS: dict[str, Callable[[Client], Coroutine[Any, Any, httpx.Response]]] = {
    "token": lambda client: client.post("/api-tokens", json={"description": "x", "scopes": ["users:write"]}),
    "turn off": lambda client: client.delete("/users/me/two-factor"),
    "codes": lambda client: client.post("/users/me/two-factor/recovery-codes"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_a_session_that_a_password_reset_ended_does_nothing(tenant: Tenant, act: str) -> None:
    admin = await tenant.enrolled(Role.ADMIN)
    mailbox = await empty_mailbox(tenant)
    ok(await tenant.browser().post("/password-links", json={"email": admin.user.email}), 202)
    body = {"token": await mailbox.token(admin.user.email), "new_password": "quite another password"}
    async with locked(tenant, admin) as lock:
        resetting = asyncio.create_task(tenant.browser().post("/password-links/redemption", json=body))
        await lock.until_waiting(1)
        acting = asyncio.create_task(ACTS[act](admin.browser))
        await lock.until_waiting(2)

    ok(await resetting, 204)
    refused(await acting, 401, "unauthenticated")


async def test_the_job_of_an_earlier_change_revives_no_session_ended_by_a_later_one(tenant: Tenant) -> None:
    owner, user = await tenant.enrolled(Role.OWNER), await tenant.signed_in(Role.END_USER)
    for group in ("team_members", "end_users"):
        body = {"require_two_factor": {group: True}, "end_sessions": True}
        ok(await owner.browser.patch("/security-policy", json=body))
    statement = """
        DELETE FROM procrastinate_jobs WHERE task_name = 'delete_ended_sessions'
        AND args->>'account_id' = CAST(CAST(:account AS uuid) AS text) RETURNING id, args
    """
    first, second = [row.args for row in sorted(await run_sql(tenant, statement))]

    for arguments in (first, second):
        await jobs.delete_ended_sessions(tenant.services, **arguments)
        refused(await user.browser.get("/session"), 401, "unauthenticated")


async def test_no_device_is_trusted_if_the_user_chooses_every_sign_in_meanwhile(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, browser = await tenant.enrolled(), tenant.browser()
    token = await tenant.asked(person, browser)
    read, waiting = sign_ins.find_with_authenticators, [True]

    async def read_first(tx: Any, *arguments: Any) -> Any:
        found = await read(tx, *arguments)
        if waiting:
            waiting.clear()
            body = {"passcode_frequency": "every_sign_in"}
            ok(await person.browser.patch("/users/me/two-factor", json=body))
        return found

    monkeypatch.setattr(sign_ins, "find_with_authenticators", read_first)
    answer = ok(await submit(browser, token, person.authenticator.next_passcode()), 201)

    assert not waiting
    assert answer["trusted_device"] is None
