"""Sessions that a policy change ended stay ended, before and after the job deletes them."""

import asyncio

import pytest
from sqlalchemy import text

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.enrolling import enroll_at_sign_in
from tests.support.observe.audit import AuditTrail
from tests.support.observe.ended_sessions import delete_ended_sessions
from tests.support.observe.jobs import eventually
from tests.support.observe.sql import run_sql

PATH = "/security-policy"
REQUIRED_NOW = {"require_two_factor": {"team_members": True, "end_users": True}, "end_sessions": True}
AGAIN = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    SELECT queue_name, task_name, args FROM procrastinate_jobs
    WHERE task_name = 'delete_ended_sessions' AND args->>'account_id' = CAST(CAST(:account AS uuid) AS text)
"""


async def require_now(owner: SimulatedUser) -> None:
    ok(await owner.browser.patch(PATH, json=REQUIRED_NOW))


async def stored(tenant: Tenant, person: SimulatedUser) -> int:
    statement = "SELECT count(*) FROM sessions WHERE account_id = :account AND user_id = :user"
    [row] = await run_sql(tenant, statement, user=person.user.id)
    count: int = row[0]
    return count


async def nothing_stored(tenant: Tenant, person: SimulatedUser) -> bool:
    return await stored(tenant, person) == 0


async def test_the_job_deletes_ended_sessions_and_clears_the_marks(tenant: Tenant, owner: SimulatedUser) -> None:
    people = [await tenant.signed_in(role) for role in (Role.ADMIN, Role.AGENT, Role.END_USER)]
    enrolled = await tenant.enrolled()

    await require_now(owner)
    assert [await stored(tenant, person) for person in people] == [1, 1, 1]
    await delete_ended_sessions(tenant)

    assert [await stored(tenant, person) for person in [*people, enrolled, owner]] == [0, 0, 0, 1, 1]
    columns = "team_sessions_ended_through, end_user_sessions_ended_through"
    [marks] = await run_sql(tenant, f"SELECT {columns} FROM security_policies WHERE account_id = :account")  # noqa: S608 -- our own
    assert tuple(marks) == (None, None)
    ok(await enrolled.browser.get("/session"))
    ok(await owner.browser.get("/session"))


@pytest.mark.parametrize("deleted", [False, True])
async def test_an_ended_session_never_comes_back(tenant: Tenant, deleted: bool) -> None:  # noqa: FBT001 -- given
    owner = await tenant.enrolled(Role.OWNER)
    old = {name: await tenant.signed_in() for name in ("waits", "enrolls", "is promoted")}
    browsers = {name: person.browser for name, person in old.items()}
    await require_now(owner)
    if deleted:
        await delete_ended_sessions(tenant)

    for person in old.values():
        person.browser = tenant.browser()
    await enroll_at_sign_in(tenant, old["enrolls"])
    await tenant.step_up(owner)
    ok(await owner.browser.patch(f"/users/{old['is promoted'].id}", json={"role": "admin"}))
    not_required = {"require_two_factor": {"team_members": False, "end_users": False}}
    ok(await owner.browser.patch(PATH, json=not_required))

    for browser in browsers.values():
        refused(await browser.get("/session"), 401, "unauthenticated")
    ok(await old["enrolls"].browser.get("/session"))


async def test_a_session_opened_after_the_requirement_was_lifted_stays(tenant: Tenant) -> None:
    owner, person = await tenant.enrolled(Role.OWNER), await tenant.person()
    await require_now(owner)
    ok(await owner.browser.patch(PATH, json={"require_two_factor": {"team_members": False, "end_users": False}}))
    tenant.clock.turn(milliseconds=1)

    await tenant.sign_in(person)

    ok(await person.browser.get("/session"))
    await delete_ended_sessions(tenant)
    ok(await person.browser.get("/session"))


async def test_an_ended_session_is_not_listed(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()
    path = f"/users/{person.id}/sessions"
    assert len(ok(await owner.browser.get(path))["items"]) == 1

    await require_now(owner)

    assert ok(await owner.browser.get(path))["items"] == []


async def test_each_of_two_changes_keeps_the_session_of_its_caller(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.enrolled(Role.ADMIN)
    await require_now(owner)
    ok(await owner.browser.get("/session"))

    ok(await admin.browser.patch(PATH, json={"end_sessions": True}))

    refused(await owner.browser.get("/session"), 401, "unauthenticated")
    assert await delete_ended_sessions(tenant) == 2
    ok(await admin.browser.get("/session"))
    assert await stored(tenant, owner) == 0


async def test_a_change_with_only_end_sessions_is_recorded(tenant: Tenant) -> None:
    owner, person = await tenant.enrolled(Role.OWNER), await tenant.signed_in()
    await tenant.require(owner, team_members=True)
    trail = AuditTrail(tenant)
    await trail.new()

    ok(await owner.browser.patch(PATH, json={"end_sessions": True}))

    [changed] = await trail.new()
    assert changed.details["end_sessions"] is True
    assert changed.details["old"] == changed.details["new"]
    await delete_ended_sessions(tenant)
    [ended] = await trail.new()
    assert ended.target == ("user", person.user.id)


async def test_a_second_run_of_the_job_records_nothing_twice(tenant: Tenant, owner: SimulatedUser) -> None:
    people = [await tenant.signed_in() for _ in range(3)]
    await require_now(owner)
    await run_sql(tenant, AGAIN)
    trail = AuditTrail(tenant)
    await trail.new()

    assert await delete_ended_sessions(tenant) == 2

    assert {event.target_id for event in await trail.new()} == {person.user.id for person in people}


async def test_the_job_skips_locked_sessions_and_deletes_them_later(tenant: Tenant, owner: SimulatedUser) -> None:
    busy, other = await tenant.signed_in(), await tenant.signed_in()
    await require_now(owner)
    statement = text("SELECT id FROM sessions WHERE account_id = :account AND user_id = :user FOR UPDATE")
    async with tenant.services.database.begin() as tx:
        await tx.execute(statement, {"account": tenant.account.id, "user": busy.user.id})
        deleting = asyncio.create_task(delete_ended_sessions(tenant))
        await eventually(lambda: nothing_stored(tenant, other))
        assert await stored(tenant, busy) == 1
        assert not deleting.done()

    await deleting
    assert await stored(tenant, busy) == 0
