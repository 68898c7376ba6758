"""A database that cannot do its work: locked rows, full pool, read-only, deadlock, freeze."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.core.errors import Unavailable
from app.database.engine import Database
from tests.faults.cluster import Cluster, in_time, unavailable
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password
from tests.support.account.variants import variant
from tests.support.observe.locks import failures_of
from tests.support.observe.sql import run_sql

ROOT = "http://127.0.0.1:8000"


async def lock(connection: asyncpg.Connection, table: str, person: SimulatedUser) -> None:
    key = "id" if table == "users" else "user_id"
    await connection.execute("BEGIN")
    assert await connection.fetch(f"SELECT FROM {table} WHERE {key} = $1 FOR UPDATE", person.user.id)


async def test_a_passcode_that_times_out_on_a_row_lock_costs_nothing(cluster: Cluster, tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token, browser = await tenant.asked(person), tenant.browser()
    right = {"sign_in_token": token, "passcode": person.authenticator.next_passcode()}
    wrong = right | {"passcode": person.authenticator.wrong_passcode()}
    async with cluster.connection() as somebody_else:
        await lock(somebody_else, "second_factor_state", person)
        await asyncio.gather(
            *(unavailable(browser.post("/sign-ins/passcode", json=body)) for body in (wrong, right))
        )
        with in_time(1):
            ok(await person.browser.get("/session"))

    assert await failures_of(tenant, person) == 0
    assert await run_sql(tenant, "SELECT id FROM trusted_devices WHERE account_id = :account") == []
    assert ok(await browser.post("/sign-ins/passcode", json=right), 201)["status"] == "complete"


async def test_changes_that_time_out_on_a_row_lock_have_no_partial_effect(
    cluster: Cluster, tenant: Tenant
) -> None:
    person = await tenant.enrolled()
    codes = person.recovery_codes
    async with cluster.connection() as somebody_else:
        await lock(somebody_else, "second_factor_state", person)
        calls: tuple[tuple[str, str, Any], ...] = (
            ("POST", "/users/me/two-factor/recovery-codes", None),
            ("POST", "/users/me/two-factor/enrollments", {"kind": "totp"}),
            ("DELETE", "/users/me/two-factor", None),
            ("PUT", "/users/me/password", {"current_password": PASSWORD, "new_password": "a new and longer one"}),
            ("POST", "/session/step-up", {"passcode": person.authenticator.passcode()}),
        )
        requests = (person.browser.request(method, path, json=body) for method, path, body in calls)
        await asyncio.gather(*map(unavailable, requests))

    shown = ok(await person.browser.get("/users/me/two-factor"))
    assert (shown["status"], len(shown["authenticators"]), shown["recovery_codes_left"]) == ("on", 1, 10)
    body = {"sign_in_token": await tenant.asked(person), "passcode": codes[0]}
    ok(await tenant.browser().post("/sign-ins/passcode", json=body), 201)


async def test_a_read_only_database_is_unavailable_until_it_is_writable_again(
    cluster: Cluster, tenant: Tenant, owner: SimulatedUser
) -> None:
    await asyncio.gather(*(owner.browser.get("/session") for _ in range(10)))
    try:
        await cluster.run("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        await asyncio.sleep(0.2)
        for _ in range(3):
            await unavailable(owner.browser.delete("/users/me/sessions"))
        await unavailable(owner.browser.get(f"{ROOT}/readyz"))
    finally:
        await cluster.run(
            "SET default_transaction_read_only = off",
            "ALTER SYSTEM RESET default_transaction_read_only",
            "SELECT pg_reload_conf()",
        )
    await asyncio.sleep(0.2)

    with in_time():
        ok(await owner.browser.delete("/users/me/sessions"), 204)
        ok(await tenant.browser().get(f"{ROOT}/readyz"))


async def test_an_exhausted_pool_is_unavailable_and_then_works(
    cluster: Cluster, tenant: Tenant, owner: SimulatedUser
) -> None:
    database = Database(cluster.url, pool_size=2)
    small = variant(tenant, database=database)
    browser = small.browser()
    browser.token = owner.browser.token
    ok(await browser.get("/session"))
    async with AsyncExitStack() as connections:
        for _ in range(2):
            await connections.enter_async_context(database._engine.connect())  # noqa: SLF001 -- held longer than a transaction may last
        await asyncio.gather(*(unavailable(browser.get("/session")) for _ in range(5)))
        await unavailable(browser.get(f"{ROOT}/readyz"))
        assert ok(await browser.get(f"{ROOT}/healthz")) == {"status": "ok"}

    with in_time():
        ok(await browser.get("/session"))
    await database.close()


async def test_statements_that_an_operator_cancels_are_unavailable(cluster: Cluster, tenant: Tenant) -> None:
    person = await tenant.enrolled()
    body = {"kind": "totp"}
    for end in ("pg_cancel_backend", "pg_terminate_backend"):
        async with cluster.connection() as somebody_else:
            await lock(somebody_else, "second_factor_state", person)
            request = asyncio.create_task(person.browser.post("/users/me/two-factor/enrollments", json=body))
            await asyncio.sleep(0.3)
            ended = f"SELECT {end}(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"  # noqa: S608 -- one of two constants
            await cluster.run(ended)
            await unavailable(request)

    ok(await person.browser.post("/users/me/two-factor/enrollments", json=body), 201)


async def test_in_a_deadlock_one_transaction_is_unavailable_and_the_other_commits(tenant: Tenant) -> None:
    people = [await tenant.person() for _ in range(2)]
    both_locked = asyncio.Barrier(2)

    async def rename(first: SimulatedUser, second: SimulatedUser) -> bool:
        statement = text("UPDATE users SET name = 'renamed' WHERE id = :id")
        try:
            async with tenant.services.database.begin() as tx:
                await tx.execute(statement, {"id": first.user.id})
                await both_locked.wait()
                await tx.execute(statement, {"id": second.user.id})
        except Unavailable:
            return False
        return True

    with in_time():
        done = await asyncio.gather(rename(*people), rename(*reversed(people)))

    assert sorted(done) == [False, True]


@pytest.mark.parametrize("moment", ["statement", "commit", "rollback", "reading", "leaving"])
async def test_a_connection_that_freezes_in_a_transaction_is_dropped_in_time(
    cluster: Cluster, tenant: Tenant, moment: str
) -> None:
    database, people = tenant.services.database, {(await tenant.person()).user.id for _ in range(2)}

    async def read() -> None:
        async with database.read() as tx:
            await tx.execute(text("SELECT 1"))
            cluster.freeze()
            if moment == "reading":
                await tx.execute(text("SELECT 1"))

    async def change() -> None:
        async with database.begin() as tx:
            for person in people:
                await tx.execute(text("UPDATE users SET name = 'changed' WHERE id = :id"), {"id": person})
            cluster.freeze()
            if moment == "statement":
                await tx.execute(text("SELECT 1"))
            if moment == "rollback":
                raise LookupError

    with in_time():
        if moment == "leaving":
            await read()  # it has already read everything
        else:
            with pytest.raises(Unavailable):
                await (read() if moment == "reading" else change())
    cluster.thaw()

    with in_time():
        changed = await run_sql(tenant, "SELECT id FROM users WHERE account_id = :account AND name = 'changed'")
    # The database may still execute a COMMIT that was sent before, but never only half of it.
    assert len(changed) in ({0, 2} if moment == "commit" else {0})


async def test_every_connection_that_was_dropped_is_replaced(cluster: Cluster, tenant: Tenant) -> None:
    database = tenant.services.database

    async def answer() -> Any:
        async with database.begin() as tx:
            await tx.execute(text("SELECT pg_sleep(0.2)"))
            return await tx.scalar(text("SELECT 1"))

    for _ in range(2):
        assert await asyncio.gather(*(answer() for _ in range(10))) == [1] * 10
        cluster.freeze()
        for outcome in await asyncio.gather(*(answer() for _ in range(10)), return_exceptions=True):
            assert isinstance(outcome, Unavailable)
        cluster.thaw()

    assert await asyncio.gather(*(answer() for _ in range(10))) == [1] * 10


async def test_a_statement_that_takes_too_long_is_canceled_on_the_server_too(
    cluster: Cluster, tenant: Tenant
) -> None:
    with in_time(), pytest.raises(Unavailable):
        async with tenant.services.database.begin() as tx:
            await tx.execute(text("SELECT pg_sleep(60)"))
    await asyncio.sleep(0.5)

    async with cluster.connection() as somebody_else:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
        )
        running = query + " AND state = 'active'"
        assert await somebody_else.fetchval(running) == 0


async def test_too_many_hashes_at_once_are_unavailable(tenant: Tenant, owner: SimulatedUser) -> None:
    hasher = type(tenant.services.hasher)(queue=1)
    busy = variant(tenant, hasher=hasher)
    body = {"email": owner.user.email, "password": "wrong"}
    responses = await asyncio.gather(*(busy.browser().post("/sign-ins", json=body) for _ in range(5)))

    codes = sorted(response.status_code for response in responses)
    assert codes[0] == 401
    assert codes[-1] == 503
    for response in responses:
        if response.status_code == 503:
            refused(response, 503, "unavailable")
            assert response.headers["retry-after"].isdecimal()
    hasher.close()


async def test_a_password_refused_by_a_full_hash_queue_is_not_counted(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    script = await by_password(tenant, owner, owner)
    full = type(tenant.services.hasher)(queue=1)
    full.close()  # a closed hasher accepts no work
    busy = variant(tenant, hasher=full)
    browser, password_only = busy.browser(), busy.browser()
    browser.token = owner.browser.token
    password_only.http.headers["Authorization"] = script.http.headers["Authorization"]
    change = {"current_password": PASSWORD, "new_password": "another long password"}

    await unavailable(busy.browser().post("/sign-ins", json={"email": owner.user.email, "password": PASSWORD}))
    await unavailable(browser.post("/session/step-up", json={"password": PASSWORD}))
    await unavailable(browser.put("/users/me/password", json=change))
    await unavailable(password_only.get("/authorize"))

    assert await run_sql(tenant, 'SELECT "limit" FROM password_limits WHERE account_id = :account') == []
