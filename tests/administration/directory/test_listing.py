"""The list of users: who may read it, in which order and pages, and what the filters match."""

import uuid
from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.paging import items, pages
from tests.support.account.third_parties import link_identity
from tests.support.account.times import on_the_wire
from tests.support.account.variants import another_account
from tests.support.observe.sql import run_sql, set_status

USERS = "/users"


async def ids(client: Client, **filters: Any) -> set[str]:
    return {user["id"] for user in await items(client, USERS, **filters)}


def ids_of(*people: SimulatedUser) -> set[str]:
    return {person.id for person in people}


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.AGENT])
async def test_a_team_member_lists_everybody_of_the_account(tenant: Tenant, role: Role) -> None:
    reader = await tenant.signed_in(role)
    customer = await tenant.person(Role.END_USER, external_id="crm-1", locale="de-AT")
    await (await another_account(tenant)).person()

    listed = {user["id"]: user for user in await items(reader.browser, USERS)}

    assert set(listed) == ids_of(reader, customer)
    assert listed[customer.id] == {
        "id": customer.id,
        "email": customer.user.email,
        "name": "Somebody",
        "role": "end_user",
        "status": "active",
        "external_id": "crm-1",
        "locale": "de-AT",
        "created_at": on_the_wire(customer.user.created_at),
        "last_sign_in_at": None,
        "pending_email": None,
        "invited": False,
        "kind": "person",
        "test_passcode": False,
    }
    assert listed[reader.id]["last_sign_in_at"] == on_the_wire(tenant.clock.now())


async def test_an_end_user_lists_nobody(tenant: Tenant) -> None:
    customer = await tenant.signed_in(Role.END_USER)

    refused(await customer.browser.get(USERS), 403, "forbidden")


async def test_a_token_needs_the_scope_users_read(tenant: Tenant, owner: SimulatedUser) -> None:
    assert await ids(await by_token(tenant, owner, "users:read")) == {owner.id}
    other = await by_token(tenant, owner, "users:write", "policy:read", "reports", "audit:read", "api")

    refused(await other.get(USERS), 403, "scope_missing")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT])
async def test_a_password_is_enough_while_the_account_allows_password_access(
    tenant: Tenant, owner: SimulatedUser, role: Role
) -> None:
    reader = await tenant.person(role)

    assert await ids(await by_password(tenant, reader, owner)) == ids_of(owner, reader)


async def test_an_unauthenticated_caller_lists_nobody(tenant: Tenant) -> None:
    refused(await tenant.browser().get(USERS), 401, "unauthenticated")


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (100, [5])])
async def test_pages_are_newest_first_and_neither_lose_nor_repeat_users(
    tenant: Tenant, owner: SimulatedUser, limit: int, sizes: list[int]
) -> None:
    people = [owner]
    for _ in range(4):
        tenant.clock.turn(seconds=1)
        people.append(await tenant.person())

    found = await pages(owner.browser, USERS, limit=limit)

    assert [len(page) for page in found] == sizes
    assert [user["id"] for page in found for user in page] == [person.id for person in reversed(people)]


async def test_the_pages_of_a_filtered_list_keep_the_filter(tenant: Tenant, owner: SimulatedUser) -> None:
    agents = set()
    for _ in range(3):
        tenant.clock.turn(seconds=1)
        agents.add((await tenant.person(Role.AGENT)).id)
        await tenant.person(Role.END_USER)

    found = await pages(owner.browser, USERS, limit=2, role="agent")

    assert [len(page) for page in found] == [2, 1]
    assert {user["id"] for page in found for user in page} == agents


async def test_users_are_filtered_by_role(tenant: Tenant, owner: SimulatedUser) -> None:
    people = {role: await tenant.person(role) for role in (Role.ADMIN, Role.AGENT, Role.END_USER)}
    people[Role.OWNER] = owner

    for role, person in people.items():
        assert await ids(owner.browser, role=role.value) == {person.id}


async def test_users_are_filtered_by_status(tenant: Tenant, owner: SimulatedUser) -> None:
    suspended = await tenant.person()
    await set_status(tenant, suspended, "suspended")

    assert await ids(owner.browser, status="active") == {owner.id}
    assert await ids(owner.browser, status="suspended") == {suspended.id}


async def test_the_two_factor_filter_agrees_with_what_each_user_sees(tenant: Tenant) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    personally = [await tenant.enrolled(Role.AGENT), await tenant.enrolled(Role.END_USER)]
    without = [await tenant.signed_in(Role.AGENT), await tenant.signed_in(Role.END_USER)]
    linked = [await tenant.signed_in(Role.AGENT), await tenant.enrolled(Role.END_USER)]
    for person in linked:
        await link_identity(tenant, person)
        await run_sql(tenant, "UPDATE users SET password_hash = NULL WHERE id = :id", id=person.user.id)
    await link_identity(tenant, without[0])
    everybody = [owner, *personally, *without, *linked]
    for groups in (
        {"team_members": False, "end_users": False},
        {"team_members": True, "end_users": False},
        {"team_members": False, "end_users": True},
        {"team_members": True, "end_users": True},
    ):
        await tenant.require(owner, **groups)
        seen: dict[str, set[str]] = {"off": set(), "on": set(), "setup_required": set(), "not_applicable": set()}
        for person in everybody:
            status = ok(await person.browser.get("/users/me/two-factor"))["status"]
            seen[status].add(person.id)
        assert seen["not_applicable"] == {linked[0].id}

        assert {status: await ids(owner.browser, two_factor=status) for status in seen} == seen


async def test_two_factor_is_off_if_only_a_past_requirement_caused_the_enrollment(tenant: Tenant) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    agent = await tenant.enrolled(Role.AGENT)
    statement = "UPDATE second_factor_state SET turned_on_by_user = false WHERE user_id = :id"
    await run_sql(tenant, statement, id=agent.user.id)

    assert agent.id in await ids(owner.browser, two_factor="off")
    await tenant.require(owner, team_members=True)
    assert agent.id in await ids(owner.browser, two_factor="on")


async def test_q_searches_names_and_addresses_in_any_letter_case(tenant: Tenant, owner: SimulatedUser) -> None:
    anna = await tenant.person(name="Anna Lindqvist", email="a.l@example.com")
    bert = await tenant.person(name="Bert", email="bert@LINDQVIST.example")
    await tenant.person(name="Carla", email="carla@example.com")

    for text in ("lindqvist", "LindQ", "QVIST"):
        assert await ids(owner.browser, q=text) == ids_of(anna, bert)
    assert await ids(owner.browser, q="a.l@EXAMPLE") == {anna.id}
    assert await ids(owner.browser, q="nna lin") == {anna.id}
    assert await ids(owner.browser, q="nobody at all") == set()


async def test_q_ignores_the_letter_case_of_non_ascii_letters(tenant: Tenant, owner: SimulatedUser) -> None:
    zoe = await tenant.person(name="Someone", email="ZOË@example.com")

    assert await ids(owner.browser, q="zoë@") == {zoe.id}


@pytest.mark.parametrize("text", ["%", "_", "\\", "/", "a%b", "a_b", "a\\b", "a/b", "%%", "'", '"', "/%", "/_"])
async def test_pattern_characters_in_q_match_literally(tenant: Tenant, owner: SimulatedUser, text: str) -> None:
    meant = await tenant.person(name=f"x{text}y")
    await tenant.person(name="xa-by")

    assert await ids(owner.browser, q=text) == {meant.id}


async def test_a_user_must_match_every_filter(tenant: Tenant, owner: SimulatedUser) -> None:
    meant = await tenant.person(Role.AGENT, name="Anna")
    await tenant.person(Role.END_USER, name="Anna")
    await tenant.person(Role.AGENT, name="Bert")
    gone = await tenant.person(Role.AGENT, name="Anna")
    await set_status(tenant, gone, "suspended")

    found = await ids(owner.browser, role="agent", q="anna", status="active", two_factor="off")

    assert found == {meant.id}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("role", "manager"),
        ("role", ""),
        ("role", "OWNER"),
        ("status", "deleted"),
        ("two_factor", "yes"),
        ("q", "x" * 201),
        ("q", "a\0b"),
        ("limit", "0"),
        ("cursor", "x"),
    ],
)
async def test_an_invalid_filter_is_refused(owner: SimulatedUser, name: str, value: str) -> None:
    problem = refused(await owner.browser.get(USERS, params={name: value}), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == [f"/{name}"]


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.AGENT])
async def test_a_team_member_sees_one_user(tenant: Tenant, role: Role) -> None:
    reader, other = await tenant.signed_in(role), await tenant.person(Role.END_USER)

    shown = ok(await reader.browser.get(f"{USERS}/{other.id}"))

    assert shown == next(user for user in await items(reader.browser, USERS) if user["id"] == other.id)


async def test_an_end_user_does_not_see_even_themselves_by_id(tenant: Tenant) -> None:
    customer = await tenant.signed_in(Role.END_USER)

    refused(await customer.browser.get(f"{USERS}/{customer.id}"), 403, "forbidden")


async def test_a_user_of_another_account_gets_the_answer_of_an_unknown_id(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    stranger = await (await another_account(tenant)).person()

    foreign = refused(await owner.browser.get(f"{USERS}/{stranger.id}"), 404, "not_found")

    assert foreign == refused(await owner.browser.get(f"{USERS}/{uuid.uuid4()}"), 404, "not_found")


@pytest.mark.parametrize("no_id", ["1", "00000000-0000-0000-0000-000000000000", "%00"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_invalid_user_id_is_not_found(owner: SimulatedUser, method: str, no_id: str) -> None:
    body = {"json": {"name": "Anna"}} if method == "PATCH" else {}

    refused(await owner.browser.request(method, f"{USERS}/{no_id}", **body), 404, "not_found")
