"""While the database is killed, stopped or frozen, every response is 503 in time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests.faults.cluster import Cluster, in_time, unavailable
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import Client, ok
from tests.support.observe.sql import run_sql

ROOT = "http://127.0.0.1:8000"
FAILURES: dict[str, Callable[[Cluster], None]] = {
    "killed": Cluster.kill,
    "stopped": Cluster.stop,
    "frozen": Cluster.freeze,
}
each_failure = pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)


def restore(cluster: Cluster) -> None:
    cluster.thaw()
    cluster.start()


def calls_of(person: SimulatedUser, token: str) -> list[Coroutine[Any, Any, httpx.Response]]:
    """Return one call of each kind: reading, writing, unauthenticated, and with a slow hash."""
    browser = person.browser
    body = {"email": person.user.email, "password": PASSWORD}
    passcode = {"sign_in_token": token, "passcode": "123456"}
    return [
        browser.get("/session"),
        browser.get("/users/me/trusted-devices"),
        browser.delete("/users/me/sessions"),
        browser.post("/sign-ins", json=body),
        browser.post("/sign-ins/passcode", json=passcode),
        browser.post("/session/step-up", json={"passcode": "123456"}),
        browser.post("/users/me/two-factor/enrollments", json={"kind": "totp"}),
        browser.get(f"{ROOT}/v1/accounts/unknown/session"),
        browser.get(f"{ROOT}/readyz"),
    ]


async def health(browser: Client) -> None:
    with in_time(1):
        assert ok(await browser.get(f"{ROOT}/healthz")) == {"status": "ok"}


@each_failure
async def test_every_call_is_unavailable_in_time_and_works_when_the_database_is_back(
    cluster: Cluster, tenant: Tenant, fail: Callable[[Cluster], None]
) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    await asyncio.gather(*(person.browser.get("/session") for _ in range(10)))  # fills the pool with connections

    fail(cluster)
    await unavailable(person.browser.get("/session"))  # on a connection that was opened before
    await asyncio.gather(*map(unavailable, calls_of(person, token)), health(person.browser))
    await health(person.browser)
    restore(cluster)

    with in_time():
        ok(await person.browser.get("/session"))
        assert ok(await person.browser.get(f"{ROOT}/readyz")) == {"status": "ok"}
        assert (await tenant.sign_in(person, tenant.browser()))["status"] == "passcode_required"


@each_failure
async def test_many_calls_at_once_are_all_unavailable_in_time(
    cluster: Cluster, tenant: Tenant, owner: SimulatedUser, fail: Callable[[Cluster], None]
) -> None:
    await asyncio.gather(*(owner.browser.get("/session") for _ in range(10)))

    fail(cluster)
    await asyncio.gather(
        *(unavailable(owner.browser.get("/session")) for _ in range(40)), health(tenant.browser())
    )
    await health(owner.browser)
    restore(cluster)

    with in_time():
        for response in await asyncio.gather(*(owner.browser.get("/session") for _ in range(40))):
            ok(response)


@each_failure
async def test_a_passcode_in_progress_when_the_database_fails_is_neither_used_nor_counted(
    cluster: Cluster, tenant: Tenant, fail: Callable[[Cluster], None]
) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    body = {"sign_in_token": token, "passcode": person.authenticator.next_passcode()}
    browser = tenant.browser()
    async with cluster.connection() as somebody_else:
        await somebody_else.execute("BEGIN; LOCK TABLE second_factor_state IN EXCLUSIVE MODE")
        request = asyncio.create_task(browser.post("/sign-ins/passcode", json=body))
        await asyncio.sleep(0.5)
        assert not request.done()
        fail(cluster)
        await unavailable(request)
        restore(cluster)

    assert await run_sql(tenant, "SELECT id FROM trusted_devices WHERE account_id = :account") == []
    state = "SELECT failures FROM second_factor_state WHERE account_id = :account"
    assert [row.failures for row in await run_sql(tenant, state)] == [0]
    assert ok(await browser.post("/sign-ins/passcode", json=body), 201)["status"] == "complete"


async def test_frozen_connections_are_dropped_and_replaced(
    cluster: Cluster, tenant: Tenant, owner: SimulatedUser
) -> None:
    await asyncio.gather(*(owner.browser.get("/session") for _ in range(10)))

    cluster.freeze_connections()
    await asyncio.gather(*(unavailable(owner.browser.get("/session")) for _ in range(10)))
    with in_time():
        ok(await owner.browser.get("/session"))

    assert ok(await tenant.browser().get(f"{ROOT}/readyz")) == {"status": "ok"}


async def test_connections_terminated_while_idle_fail_no_request(cluster: Cluster, owner: SimulatedUser) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'passgate'"
    for _ in range(3):
        await asyncio.gather(*(owner.browser.get("/session") for _ in range(10)))
        await cluster.run(end)
        await asyncio.sleep(0.1)

        for response in await asyncio.gather(*(owner.browser.get("/session") for _ in range(10))):
            ok(response)


@each_failure
async def test_the_service_can_shut_down_while_the_database_is_gone(
    cluster: Cluster, tenant: Tenant, owner: SimulatedUser, fail: Callable[[Cluster], None]
) -> None:
    await asyncio.gather(*(owner.browser.get("/session") for _ in range(10)))

    fail(cluster)
    with in_time():
        await tenant.services.database.close()
