"""Decisions are made under the lock, not by the state that the request found on arrival."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.core.callers import Role
from app.core.ids import new_id
from app.second_factor import repository as second_factor
from app.second_factor.rules import Authenticator
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.freshness import step_up_required
from tests.support.observe.sql import run_sql

TWO_FACTOR = "/users/me/two-factor"

Call = Callable[[SimulatedUser], Coroutine[Any, Any, httpx.Response]]

NEED_THE_SECOND_FACTOR: dict[str, Call] = {
    "turn off": lambda person: person.browser.delete(TWO_FACTOR),
    "keep on": lambda person: person.browser.put(f"{TWO_FACTOR}/turned-on"),
    "new codes": lambda person: person.browser.post(f"{TWO_FACTOR}/recovery-codes"),
    "enroll": lambda person: person.browser.post(f"{TWO_FACTOR}/enrollments", json={"kind": "totp"}),
    "new password": lambda person: person.browser.put(
        "/users/me/password", json={"current_password": PASSWORD, "new_password": "a brand new password"}
    ),
}


async def until_it_waits(answer: "asyncio.Task[httpx.Response]", tx: AsyncConnection) -> None:
    """Wait until the request waits for a lock that `tx` holds."""
    for _ in range(200):
        if await tx.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            break
        await asyncio.sleep(0.01)
    assert not answer.done()


async def add_authenticator(tenant: Tenant, tx: AsyncConnection, user_id: UUID) -> None:
    now = tenant.clock.now()
    added = Authenticator(new_id(now), "totp", "Phone", b"sealed", 0, now, None)
    await second_factor.add_authenticator(tx, tenant.account.id, user_id, added)


@pytest.mark.parametrize("act", list(NEED_THE_SECOND_FACTOR))
async def test_a_fresh_password_is_not_enough_if_an_authenticator_is_added_meanwhile(
    tenant: Tenant, act: str
) -> None:
    person = await tenant.signed_in()
    async with tenant.services.database.begin() as tx:
        await second_factor.lock_state(tx, tenant.account.id, person.user.id)
        answer = asyncio.create_task(NEED_THE_SECOND_FACTOR[act](person))
        await until_it_waits(answer, tx)
        await add_authenticator(tenant, tx, person.user.id)

    step_up_required(await answer)

    shown = ok(await person.browser.get(TWO_FACTOR))
    assert (len(shown["authenticators"]), shown["recovery_codes_left"]) == (1, 0)
    assert shown["turned_on_by_user"] is False
    assert not await run_sql(tenant, "SELECT id FROM enrollments WHERE account_id = :account")
    assert (await tenant.sign_in(person, tenant.browser()))["status"] == "complete"  # with the old password


async def test_two_factor_cannot_be_turned_off_if_it_becomes_required_meanwhile(tenant: Tenant) -> None:
    person = await tenant.enrolled(Role.AGENT)
    async with tenant.services.database.begin() as tx:
        await accounts.lock_policy_exclusive(tx, tenant.account.id)
        answer = asyncio.create_task(person.browser.delete(TWO_FACTOR))
        await until_it_waits(answer, tx)
        statement = "UPDATE security_policies SET require_team_members = true WHERE account_id = :account"
        await tx.execute(text(statement), {"account": tenant.account.id})

    refused(await answer, 409, "two_factor_required")

    assert ok(await person.browser.get(TWO_FACTOR))["status"] == "on"
