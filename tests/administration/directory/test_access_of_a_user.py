"""A user's two-factor authentication, trusted devices and sessions, as an admin sees and ends them."""

import uuid

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.devices import is_asked, trusted_person
from tests.support.account.paging import items, pages
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail

PARTS = ["two-factor", "trusted-devices", "sessions"]
LISTS = ["trusted-devices", "sessions"]


def path(person: SimulatedUser, part: str) -> str:
    return f"/users/{person.id}/{part}"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_owner_and_admins_see_what_the_user_sees(tenant: Tenant, role: Role, part: str) -> None:
    admin, person = await tenant.signed_in(role), await trusted_person(tenant)

    seen = ok(await admin.browser.get(path(person, part)))

    own = ok(await person.browser.get(f"/users/me/{part}"))
    for session in own.get("items", []):
        if "current" in session:
            session["current"] = False  # marks the caller's session, here the admin's
    assert seen == own
    assert person.authenticator.secret not in str(seen)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_agents_and_end_users_see_nobody_by_id_not_even_themselves(
    tenant: Tenant, role: Role, part: str
) -> None:
    caller, person = await tenant.signed_in(role), await tenant.person(Role.END_USER)

    for target in (person, caller):
        refused(await caller.browser.get(path(target, part)), 403, "forbidden")


@pytest.mark.parametrize("part", PARTS)
async def test_an_end_user_reads_their_own_data_under_me(tenant: Tenant, part: str) -> None:
    person = await tenant.signed_in(Role.END_USER)

    ok(await person.browser.get(f"/users/me/{part}"))


@pytest.mark.parametrize("part", PARTS)
async def test_a_password_is_enough_to_read(tenant: Tenant, owner: SimulatedUser, part: str) -> None:
    admin, person = await tenant.person(Role.ADMIN), await tenant.person()

    client = await by_password(tenant, admin, owner)

    ok(await client.get(path(person, part)))


async def test_a_token_with_the_scope_reads_the_state_of_two_factor(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()
    reading, other = await by_token(tenant, owner, "users:read"), await by_token(tenant, owner, "users:write")

    assert ok(await reading.get(path(person, "two-factor")))["status"] == "off"
    refused(await other.get(path(person, "two-factor")), 403, "scope_missing")


@pytest.mark.parametrize("part", LISTS)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_token_neither_lists_nor_ends_devices_and_sessions(
    tenant: Tenant, owner: SimulatedUser, method: str, part: str
) -> None:
    person, script = await tenant.person(), await by_token(tenant, owner, "users:read", "users:write")

    refused(await script.request(method, path(person, part)), 403, "session_required")


@pytest.mark.parametrize("part", LISTS)
async def test_a_password_alone_ends_no_devices_or_sessions(
    tenant: Tenant, owner: SimulatedUser, part: str
) -> None:
    person, client = await tenant.person(), await by_password(tenant, owner, owner)

    refused(await client.delete(path(person, part)), 403, "session_required")


async def test_the_state_of_the_owner_is_shown_to_admins(tenant: Tenant, owner: SimulatedUser) -> None:
    admin = await tenant.signed_in(Role.ADMIN)

    assert ok(await admin.browser.get(path(owner, "two-factor")))["status"] == "off"


@pytest.mark.parametrize("part", LISTS)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_admin_neither_lists_nor_ends_the_owners_devices_and_sessions(
    tenant: Tenant, owner: SimulatedUser, method: str, part: str
) -> None:
    admin, trail = await tenant.signed_in(Role.ADMIN), AuditTrail(tenant)
    await trail.new()

    refused(await admin.browser.request(method, path(owner, part)), 403, "forbidden")

    [denied] = await trail.new()
    assert (denied.type, denied.actor_id, denied.target_id) == ("access.denied", admin.user.id, owner.user.id)
    ok(await owner.browser.get(path(owner, part)))


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_an_admin_revokes_every_device_of_a_user(tenant: Tenant, role: Role) -> None:
    admin, person, other = await tenant.signed_in(role), await trusted_person(tenant), await trusted_person(tenant)

    ok(await admin.browser.delete(path(person, "trusted-devices")), 204)

    assert await is_asked(tenant, person)
    assert not await is_asked(tenant, other)
    assert await items(admin.browser, path(person, "trusted-devices")) == []


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_an_admin_ends_every_session_of_a_user(tenant: Tenant, role: Role) -> None:
    admin, person, other = await tenant.signed_in(role), await tenant.signed_in(), await tenant.signed_in()
    elsewhere = tenant.browser()
    await tenant.sign_in(person, elsewhere)

    ok(await admin.browser.delete(path(person, "sessions")), 204)

    for browser in (person.browser, elsewhere):
        refused(await browser.get("/session"), 401, "unauthenticated")
    ok(await other.browser.get("/session"))
    assert await items(admin.browser, path(person, "sessions")) == []
    assert (await tenant.sign_in(person))["status"] == "complete"


async def test_an_admin_who_ends_their_own_sessions_is_signed_out(tenant: Tenant) -> None:
    admin = await tenant.signed_in(Role.ADMIN)

    ok(await admin.browser.delete(path(admin, "sessions")), 204)

    refused(await admin.browser.get("/session"), 401, "unauthenticated")


@pytest.mark.parametrize("part", LISTS)
async def test_ending_devices_or_sessions_needs_no_fresh_session(
    tenant: Tenant, owner: SimulatedUser, part: str
) -> None:
    person = await tenant.person()
    tenant.clock.turn(minutes=30)

    ok(await owner.browser.delete(path(person, part)), 204)


async def test_the_calling_session_is_marked_in_ones_own_list(tenant: Tenant, owner: SimulatedUser) -> None:
    tenant.clock.turn(seconds=1)
    await tenant.sign_in(owner, tenant.browser())

    listed = await items(owner.browser, path(owner, "sessions"))

    assert [session["current"] for session in listed] == [False, True]


async def test_sessions_come_in_pages(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()
    for _ in range(3):
        tenant.clock.turn(seconds=1)
        await tenant.sign_in(person, tenant.browser())

    found = await pages(owner.browser, path(person, "sessions"), limit=2)

    assert [len(page) for page in found] == [2, 1]
    made = [session["created_at"] for page in found for session in page]
    assert made == sorted(made, reverse=True)


async def test_devices_come_in_pages(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.enrolled()
    for _ in range(3):
        await tenant.pass_passcode(person, tenant.browser())

    found = await pages(owner.browser, path(person, "trusted-devices"), limit=2)

    assert [len(page) for page in found] == [2, 1]


async def test_a_session_expires_by_the_role_of_its_user(tenant: Tenant, owner: SimulatedUser) -> None:
    customer = await tenant.signed_in(Role.END_USER)
    await tenant.enroll(owner)
    for _ in range(4):
        tenant.clock.turn(minutes=50)
        ok(await owner.browser.get("/session"))

    [session] = await items(owner.browser, path(customer, "sessions"))

    assert session == ok(await customer.browser.get("/session"))["session"] | {
        "current": False,
        "last_seen_at": session["last_seen_at"],
        "expires_at": session["expires_at"],
    }


@pytest.mark.parametrize("part", PARTS)
async def test_a_user_of_another_account_gets_the_answer_of_an_unknown_id(
    tenant: Tenant, owner: SimulatedUser, part: str
) -> None:
    stranger = await (await another_account(tenant)).signed_in()
    methods = ["GET"] if part == "two-factor" else ["GET", "DELETE"]

    for method in methods:
        foreign = refused(await owner.browser.request(method, path(stranger, part)), 404, "not_found")
        none = await owner.browser.request(method, f"/users/{uuid.uuid4()}/{part}")
        assert foreign == refused(none, 404, "not_found")
    ok(await stranger.browser.get("/session"))


async def test_the_audit_log_records_how_many_ended_and_by_whom(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await trusted_person(tenant)
    trail = AuditTrail(tenant)
    await trail.new()

    for part in (*LISTS, *LISTS):  # the second time there is nothing to end
        ok(await owner.browser.delete(path(person, part)), 204)

    ended, revoked = await trail.new()
    assert (ended.type, ended.details["sessions"]) == ("session.ended", 2)
    assert (revoked.type, revoked.details["devices"]) == ("trusted_device.revoked", 1)
    for event in (ended, revoked):
        assert (event.actor_id, event.target_type, event.target_id) == (owner.user.id, "user", person.user.id)
