"""Concurrent requests: there is always one active owner, and no suspended user signs in."""

import asyncio

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.paging import items
from tests.support.account.sign_ins import credentials, submit
from tests.support.observe.locks import locked, until_waiting
from tests.support.programs.instances import outcomes


async def test_only_one_of_many_concurrent_hand_overs_succeeds(tenant: Tenant, owner: SimulatedUser) -> None:
    heirs = [await tenant.signed_in(Role.ADMIN) for _ in range(4)]

    responses = await asyncio.gather(
        *(owner.browser.post("/ownership", json={"user_id": heir.id}) for heir in heirs)
    )

    assert outcomes(responses) == {"active": 1, "forbidden": 3}
    [answer] = [response.json() for response in responses if response.is_success]
    [reader, *_] = [heir for heir in heirs if heir.id != answer["id"]]
    [new_owner] = await items(reader.browser, "/users", role="owner")
    assert new_owner == answer


async def test_a_concurrent_hand_over_and_suspension_leave_no_suspended_owner(
    tenant: Tenant,
) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    admin, heir = await tenant.signed_in(Role.ADMIN), await tenant.signed_in(Role.ADMIN)
    async with locked(tenant, heir):
        acts = asyncio.gather(
            owner.browser.post("/ownership", json={"user_id": heir.id}),
            admin.browser.patch(f"/users/{heir.id}", json={"status": "suspended"}),
        )
        await until_waiting(tenant.services.database, 2)

    handed_over, suspended = await acts

    [now] = await items(admin.browser, "/users", role="owner")
    assert now["status"] == "active"
    if handed_over.is_success:
        refused(suspended, 403, "forbidden")
        assert now["id"] == heir.id
    else:
        refused(handed_over, 409, "conflict")
        assert now["id"] == owner.id


async def test_the_old_owner_who_changes_the_new_one_during_the_hand_over_is_refused(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    heir = await tenant.signed_in(Role.ADMIN)
    async with locked(tenant, heir):
        handing_over = asyncio.create_task(owner.browser.post("/ownership", json={"user_id": heir.id}))
        await until_waiting(tenant.services.database, 1)
        demoting = asyncio.create_task(owner.browser.patch(f"/users/{heir.id}", json={"role": "agent"}))
        await until_waiting(tenant.services.database, 2)

    ok(await handing_over)
    refused(await demoting, 401, "unauthenticated")  # the hand-over has ended that session
    await tenant.sign_in(heir)
    assert [user["id"] for user in await items(heir.browser, "/users", role="owner")] == [heir.id]


async def test_a_password_sent_during_a_suspension_opens_no_session_that_survives_it(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.person()
    browsers = [tenant.browser() for _ in range(4)]
    async with locked(tenant, person):
        signing_in = [
            asyncio.create_task(browser.post("/sign-ins", json=credentials(person))) for browser in browsers[:2]
        ]
        await until_waiting(tenant.services.database, 2)
        suspending = asyncio.create_task(owner.browser.patch(f"/users/{person.id}", json={"status": "suspended"}))
        await until_waiting(tenant.services.database, 3)
        signing_in += [
            asyncio.create_task(browser.post("/sign-ins", json=credentials(person))) for browser in browsers[2:]
        ]

    ok(await suspending)
    for browser, response in zip(browsers, await asyncio.gather(*signing_in), strict=True):
        if response.is_success:
            browser.token = response.json()["session"]["token"]
    ok(await owner.browser.patch(f"/users/{person.id}", json={"status": "active"}))
    for browser in browsers:
        refused(await browser.get("/session"), 401, "unauthenticated")
    assert await items(owner.browser, f"/users/{person.id}/sessions") == []


async def test_a_passcode_sent_during_a_suspension_is_refused(tenant: Tenant) -> None:
    owner, person = await tenant.enrolled(Role.OWNER), await tenant.enrolled()
    token, passcode = await tenant.asked(person), person.authenticator.next_passcode()
    async with locked(tenant, person):
        suspending = asyncio.create_task(owner.browser.patch(f"/users/{person.id}", json={"status": "suspended"}))
        await until_waiting(tenant.services.database, 1)
        submitting = asyncio.create_task(submit(tenant.browser(), token, passcode))
        await until_waiting(tenant.services.database, 2)

    ok(await suspending)
    refused(await submitting, 401, "sign_in_expired")


async def test_a_user_deleted_during_a_sign_in_is_refused(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()
    async with locked(tenant, person):
        deleting = asyncio.create_task(owner.browser.delete(f"/users/{person.id}"))
        await until_waiting(tenant.services.database, 1)
        signing_in = asyncio.create_task(tenant.browser().post("/sign-ins", json=credentials(person)))
        await until_waiting(tenant.services.database, 2)

    ok(await deleting, 204)
    refused(await signing_in, 401, "invalid_credentials")


async def test_concurrent_invitations_of_one_address_create_one_user(owner: SimulatedUser) -> None:
    body = {"email": "anna@example.com", "name": "Anna", "role": "agent"}

    responses = await asyncio.gather(*(owner.browser.post("/users", json=body) for _ in range(4)))

    assert outcomes(responses) == {"active": 1, "conflict": 3}
