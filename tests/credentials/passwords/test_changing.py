"""Changing one's password: who can, what ends, and which one signs in afterwards."""

from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import app_of
from tests.support.account.freshness import let_through_by_device, setup_required, step_up_required

PATH = "/users/me/password"
NEW = "a brand new password"


async def change(person: SimulatedUser, browser: Client | None = None, **body: Any) -> httpx.Response:
    given = {"current_password": PASSWORD, "new_password": NEW} | body
    return await (browser or person.browser).put(PATH, json=given)


async def signs_in(tenant: Tenant, person: SimulatedUser, password: str, *, ip: str = "127.0.0.1") -> bool:
    body = {"email": person.user.email, "password": password}
    answer = await tenant.browser(ip=ip).post("/sign-ins", json=body)
    if answer.status_code == 401:
        refused(answer, 401, "invalid_credentials")
        return False
    ok(answer, 201)
    return True


async def unchanged(tenant: Tenant, person: SimulatedUser) -> None:
    assert await signs_in(tenant, person, PASSWORD)
    assert not await signs_in(tenant, person, NEW)


@pytest.mark.parametrize("role", list(Role))
async def test_the_new_password_signs_in_and_the_old_one_does_not(tenant: Tenant, role: Role) -> None:
    person = await tenant.signed_in(role)

    assert ok(await change(person), 204) is None

    assert await signs_in(tenant, person, NEW)
    assert not await signs_in(tenant, person, PASSWORD)


async def test_the_second_factor_stays_as_it_was(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    before = ok(await person.browser.get("/users/me/two-factor"))

    ok(await change(person), 204)

    assert ok(await person.browser.get("/users/me/two-factor")) == before
    waiting = await tenant.sign_in(person, tenant.browser(), password=NEW)
    body = {"sign_in_token": waiting["sign_in_token"], "passcode": person.authenticator.next_passcode()}
    ok(await tenant.browser().post("/sign-ins/passcode", json=body), 201)


async def test_other_sessions_end_and_the_calling_one_stays(tenant: Tenant) -> None:
    person, other = await tenant.signed_in(), await tenant.signed_in()
    elsewhere = tenant.browser()
    await tenant.sign_in(person, elsewhere)

    ok(await change(person), 204)

    refused(await elsewhere.get("/session"), 401, "unauthenticated")
    ok(await person.browser.get("/session"))
    ok(await other.browser.get("/session"))


async def test_the_users_trusted_devices_end_and_those_of_others_stay(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    for trusting in (person, other):
        await tenant.pass_passcode(trusting)

    ok(await change(person), 204)

    assert (await tenant.sign_in(person, password=NEW))["status"] == "passcode_required"
    assert (await tenant.sign_in(other))["status"] == "complete"


async def test_a_pending_sign_in_ends(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    body = {"sign_in_token": await tenant.asked(person), "passcode": person.authenticator.passcode()}

    ok(await change(person), 204)

    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "sign_in_expired")


async def test_a_pending_sign_in_of_another_user_stays(tenant: Tenant) -> None:
    person, owner = await tenant.enrolled(Role.END_USER), await tenant.enrolled(Role.OWNER)
    await tenant.require(owner, end_users=True)
    other = await tenant.person(Role.END_USER)
    waiting = await tenant.sign_in(other)
    token_body = {"sign_in_token": waiting["sign_in_token"]}
    begun = ok(await other.browser.post("/sign-ins/enrollments", json=token_body | {"kind": "totp"}), 201)

    ok(await change(person), 204)

    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    body = token_body | {"passcode": app_of(tenant, begun).passcode()}
    ok(await other.browser.post(path, json=body), 201)


async def test_a_wrong_current_password_changes_nothing(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    elsewhere = tenant.browser()
    await tenant.pass_passcode(person, elsewhere)
    await tenant.step_up(person)

    refused(await change(person, current_password="not the password"), 401, "invalid_credentials")

    await unchanged(tenant, person)
    ok(await elsewhere.get("/session"))
    assert (await tenant.sign_in(person, elsewhere))["status"] == "complete"


async def test_guessing_the_current_password_is_limited(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    for _ in range(10):
        refused(await change(person, current_password="not the password"), 401, "invalid_credentials")

    answer = await change(person)

    refused(answer, 429, "too_many_requests")
    wait = int(answer.headers["retry-after"])
    assert wait == 60
    assert not await signs_in(tenant, person, NEW, ip="192.0.2.44")
    clock.turn(seconds=wait)
    ok(await change(person), 204)


async def test_guesses_from_other_addresses_do_not_block_the_user(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    body = {"email": person.user.email, "password": "not the password"}
    for number in range(100):
        outsider = tenant.browser(ip=f"198.51.100.{number}")
        assert (await outsider.post("/sign-ins", json=body)).status_code == 401

    ok(await change(person), 204)


async def test_a_session_that_is_not_fresh_changes_nothing(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.signed_in()
    clock.turn(minutes=10, seconds=1)

    step_up_required(await change(person))
    step_up_required(await change(person, current_password="not the password"))

    await unchanged(tenant, person)


async def test_a_session_through_a_trusted_device_changes_nothing(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant)

    step_up_required(await change(person))

    await unchanged(tenant, person)


async def test_a_user_who_must_enroll_changes_nothing(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()
    await tenant.require(owner, team_members=True)

    setup_required(await change(person), tenant)

    await unchanged(tenant, person)


async def test_an_unauthenticated_caller_changes_nothing(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    refused(await change(person, tenant.browser()), 401, "unauthenticated")

    await unchanged(tenant, person)


async def test_a_user_without_a_password_has_no_current_one_to_send(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    async with tenant.services.database.begin() as tx:
        await tx.exec_driver_sql("UPDATE users SET password_hash = NULL WHERE id = $1", (person.user.id,))

    for guess in ("", PASSWORD, "None"):
        refused(await change(person, current_password=guess), 401, "invalid_credentials")


async def test_one_persons_change_leaves_the_passwords_of_all_others(tenant: Tenant) -> None:
    person, other = await tenant.signed_in(), await tenant.signed_in()

    ok(await change(person), 204)

    await unchanged(tenant, other)


async def test_the_next_change_needs_the_new_password(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    ok(await change(person), 204)

    refused(await change(person, new_password="a third password"), 401, "invalid_credentials")
    ok(await change(person, current_password=NEW, new_password="a third password"), 204)

    assert await signs_in(tenant, person, "a third password")
