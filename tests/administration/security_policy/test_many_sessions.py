"""`end_sessions` for 100,000 users takes effect at once and does not delay other sign-ins."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from app.core.callers import Role
from app.database.long import begin_long
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.variants import another_account
from tests.support.observe.ended_sessions import delete_ended_sessions
from tests.support.observe.sql import run_sql

USERS = 100_000

_USERS = """
    INSERT INTO users (account_id, id, email, email_key, name, role, status, locale, created_at)
    SELECT :account, gen_random_uuid(), n || '@example.com', n || '@example.com', 'Somebody', 'end_user',
           'active', 'en', :now
    FROM generate_series(1, :count) AS n
"""
_SESSIONS = """
    INSERT INTO sessions (account_id, id, user_id, token_digest, amr, created_at, last_seen_at, ip, user_agent)
    SELECT account_id, CAST(lpad(to_hex(n), 32, '0') AS uuid), id, sha256(uuid_send(id)), '{pwd}', :now, :now,
           '', ''
    FROM (
        SELECT *, row_number() OVER () AS n FROM users WHERE account_id = :account AND role = 'end_user'
    ) AS numbered
"""

_EVENTS = """
    SELECT count(*), count(DISTINCT target_id) FROM audit_events
    WHERE account_id = :account AND type = 'session.ended'
"""


async def add_signed_in_users(tenant: Tenant) -> None:
    url = tenant.services.settings.database_url
    assert url is not None
    values = {"account": tenant.account.id, "count": USERS, "now": tenant.clock.now()}
    async with begin_long(url.get_secret_value()) as tx:
        for statement in (_USERS, "ANALYZE users", _SESSIONS, "ANALYZE sessions"):
            await tx.execute(text(statement), values)


async def left(tenant: Tenant) -> int:
    [row] = await run_sql(tenant, "SELECT count(*) FROM sessions WHERE account_id = :account")
    count: int = row[0]
    return count


@asynccontextmanager
async def stalls() -> AsyncIterator[list[float]]:
    """Yield a list of how long the event loop was busy in each tick, in seconds of CPU time."""
    found: list[float] = []

    async def tick() -> None:
        while True:
            begun = time.thread_time()
            await asyncio.sleep(0.001)
            found.append(time.thread_time() - begun)

    gc.freeze()  # as the service does at its start
    ticking = asyncio.create_task(tick())
    yield found
    ticking.cancel()
    gc.unfreeze()


async def sign_in_until(done: asyncio.Task[int], tenant: Tenant, person: SimulatedUser) -> list[float]:
    """Sign in again and again, and return the duration of each sign-in in seconds."""
    took = []
    while not done.done():
        begun = time.perf_counter()
        assert (await tenant.sign_in(person, tenant.browser()))["status"] == "complete"
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(0.05)
    return took


async def test_100_000_users_are_signed_out_at_once_and_nobody_else_waits(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    people = [await tenant.signed_in(Role.END_USER) for _ in range(3)]
    agent, elsewhere = await tenant.signed_in(), await another_account(tenant)
    stranger = await elsewhere.person()
    await add_signed_in_users(tenant)
    body = {"require_two_factor": {"end_users": True}, "end_sessions": True}

    begun = time.perf_counter()
    ok(await owner.browser.patch("/security-policy", json=body))
    assert time.perf_counter() - begun < 1

    for person in people:
        refused(await person.browser.get("/session"), 401, "unauthenticated")
    ok(await agent.browser.get("/session"))
    async with stalls() as busy:
        deleting = asyncio.create_task(delete_ended_sessions(tenant))
        of_stranger, of_agent = await asyncio.gather(
            sign_in_until(deleting, elsewhere, stranger), sign_in_until(deleting, tenant, agent)
        )
    assert max(busy) < 0.05
    assert max(of_stranger + of_agent) < 5  # wall-clock seconds, generous because the machine may be busy
    assert deleting.result() == 1
    assert await left(tenant) == 2 + len(of_agent)
    [events] = await run_sql(tenant, _EVENTS)
    assert tuple(events) == (USERS + len(people), USERS + len(people))
