"""Deleting a user: the person is gone, and the audit log keeps an id."""

import uuid

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.devices import trusted_person
from tests.support.account.freshness import step_up_required
from tests.support.account.sign_ins import credentials, submit
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql


def path(person: SimulatedUser) -> str:
    return f"/users/{person.id}"


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
@pytest.mark.parametrize("target_role", [Role.ADMIN, Role.AGENT, Role.END_USER])
async def test_owner_and_admins_delete_users(tenant: Tenant, role: Role, target_role: Role) -> None:
    admin, target = await tenant.signed_in(role), await tenant.signed_in(target_role)

    ok(await admin.browser.delete(path(target)), 204)

    refused(await admin.browser.get(path(target)), 404, "not_found")
    refused(await admin.browser.delete(path(target)), 404, "not_found")
    refused(await target.browser.get("/session"), 401, "unauthenticated")
    answer = await tenant.browser().post("/sign-ins", json=credentials(target))
    refused(answer, 401, "invalid_credentials")


async def test_deleting_a_user_ends_their_tokens_and_sign_ins(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.enrolled(Role.ADMIN)
    script = await by_token(tenant, admin, "users:read")
    token = await tenant.asked(admin)
    await tenant.step_up(owner)

    ok(await owner.browser.delete(path(admin)), 204)

    refused(await script.get("/users"), 401, "unauthenticated")
    answer = await submit(tenant.browser(), token, admin.authenticator.next_passcode())
    refused(answer, 401, "sign_in_expired")


async def test_no_row_of_a_deleted_user_is_left_except_in_the_audit_log(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await trusted_person(tenant)
    await tenant.asked(person)
    await tenant.step_up(owner)

    ok(await owner.browser.delete(path(person)), 204)

    tables = await run_sql(
        tenant,
        """SELECT table_name FROM information_schema.columns
           WHERE column_name = 'user_id' AND table_schema = current_schema()""",
    )
    assert len(tables) >= 7
    for (table,) in tables:
        left = await run_sql(tenant, f"SELECT 1 FROM {table} WHERE user_id = :id", id=person.user.id)  # noqa: S608 -- the database's own names
        assert left == [], table
    kept = await run_sql(tenant, "SELECT * FROM audit_events WHERE actor_id = :id", id=person.user.id)
    assert kept
    assert person.user.email not in repr(kept)


async def test_the_address_and_the_external_id_are_free_again(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person(external_id="crm-1")
    body = {"email": person.user.email, "name": "Another", "role": "agent", "external_id": "crm-1"}

    ok(await owner.browser.delete(path(person)), 204)

    assert ok(await owner.browser.post("/users", json=body), 201)["id"] != person.id


async def test_nobody_deletes_themselves(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.signed_in(Role.ADMIN)

    for person in (owner, admin):
        refused(await person.browser.delete(path(person)), 409, "conflict")
        ok(await person.browser.get("/session"))


async def test_nobody_deletes_the_owner(tenant: Tenant, owner: SimulatedUser) -> None:
    admin, trail = await tenant.signed_in(Role.ADMIN), AuditTrail(tenant)
    await trail.new()

    refused(await admin.browser.delete(path(owner)), 403, "forbidden")

    ok(await owner.browser.get("/session"))
    assert await trail.new_types() == ["access.denied"]


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_delete_nobody(tenant: Tenant, role: Role) -> None:
    caller, target = await tenant.signed_in(role), await tenant.person(Role.END_USER)

    for person in (target, caller):
        refused(await caller.browser.delete(path(person)), 403, "forbidden")


async def test_a_session_that_is_not_fresh_deletes_nobody(tenant: Tenant, owner: SimulatedUser) -> None:
    target = await tenant.person()
    tenant.clock.turn(minutes=10, seconds=1)

    step_up_required(await owner.browser.delete(path(target)))


async def test_a_password_alone_deletes_nobody(tenant: Tenant, owner: SimulatedUser) -> None:
    target, client = await tenant.person(), await by_password(tenant, owner, owner)

    refused(await client.delete(path(target)), 403, "session_required")


async def test_a_user_of_another_account_gets_the_answer_of_an_unknown_id(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    stranger = await (await another_account(tenant)).signed_in()

    foreign = refused(await owner.browser.delete(path(stranger)), 404, "not_found")

    assert foreign == refused(await owner.browser.delete(f"/users/{uuid.uuid4()}"), 404, "not_found")
    ok(await stranger.browser.get("/session"))


async def test_a_deletion_is_recorded_by_id(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()
    trail = AuditTrail(tenant)
    await trail.new()

    ok(await owner.browser.delete(path(person)), 204)

    [deleted] = await trail.new()
    assert (deleted.type, deleted.actor_id, deleted.target_id) == ("user.deleted", owner.user.id, person.user.id)
    assert deleted.details == {"role": "agent"}
