"""Whoever lost the right to an answer, or never had it, reads nothing back."""

import asyncio

import pytest
from sqlalchemy import text

from app.core.callers import Role
from tests.idempotency.calls import (
    ARRANGED,
    Arrange,
    KeyedCall,
    api_token,
    confirmation_at_sign_in,
    confirmation_in_a_session,
    each_call,
    invitation,
    invitation_by_token,
    my_recovery_codes,
    recovery_codes_of_a_user,
)
from tests.support.account.arrange import Tenant
from tests.support.account.authority import change, hand_over
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_token
from tests.support.account.freshness import step_up_required
from tests.support.account.variants import another_account
from tests.support.observe.locks import locked
from tests.support.observe.sql import run_sql


async def rows(tenant: Tenant) -> int:
    [[count]] = await run_sql(tenant, "SELECT count(*) FROM stored_answers WHERE account_id = :account")
    return int(count)


async def refused_as_ended(call: KeyedCall) -> None:
    """Assert that the credential of the call has ended, and that nothing more was done."""
    response = await call.send()
    code = "sign_in_expired" if call.path.startswith("/sign-ins") else "unauthenticated"
    refused(response, 401, code)
    assert await call.times_done() == 1


@each_call
async def test_a_role_that_ended_in_between_reads_nothing_back(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    ok(await call.send(), 201)
    admin = await tenant.signed_in(Role.ADMIN)
    before = call.person.user.role.value

    other = "agent" if before == "end_user" else "end_user"
    for role in (other, before):  # restoring the role restores nothing
        await change(admin, call.person, role=role)

        await refused_as_ended(call)
    assert await rows(tenant) == 0


@each_call
async def test_a_suspension_ends_the_answer_for_good(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    ok(await call.send(), 201)
    admin = await tenant.signed_in(Role.ADMIN)

    for status in ("suspended", "active"):
        await change(admin, call.person, status=status)

        await refused_as_ended(call)


@each_call
async def test_a_session_or_token_that_ended_reads_nothing_back(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    ok(await call.send(), 201)
    admin = await tenant.signed_in(Role.ADMIN)
    if arrange is invitation_by_token:
        [token] = ok(await admin.browser.get("/api-tokens"))["items"]
        ok(await admin.browser.delete(f"/api-tokens/{token['id']}"), 204)
    else:
        ok(await admin.browser.delete(f"/users/{call.person.id}/sessions"), 204)

    await refused_as_ended(call)
    assert await rows(tenant) == 0


@each_call
async def test_the_answers_of_a_deleted_user_are_deleted(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    ok(await call.send(), 201)
    assert await rows(tenant) == 1
    admin = await tenant.signed_in(Role.ADMIN)

    ok(await admin.browser.delete(f"/users/{call.person.id}"), 204)

    assert await rows(tenant) == 0
    await refused_as_ended(call)


@pytest.mark.parametrize("arrange", [found for found in ARRANGED if found is not confirmation_at_sign_in])
async def test_another_user_with_the_same_key_and_body_gets_an_answer_of_their_own(
    tenant: Tenant, arrange: Arrange
) -> None:
    call = await arrange(tenant)
    first = ok(await call.send(), 201)
    other = await tenant.enrolled(Role.ADMIN)

    theirs = await call.send(other.browser)

    if theirs.is_error:  # the enrollment is not theirs; the address is taken
        assert theirs.json()["code"] in {"not_found", "conflict"}
    assert theirs.json() != first
    assert ok(await call.send(), 201) == first


@pytest.mark.parametrize("arrange", [my_recovery_codes, recovery_codes_of_a_user, api_token])
async def test_another_session_of_the_same_user_reads_nothing_back(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    first = ok(await call.send(), 201)
    elsewhere = tenant.browser()
    if call.person.app:
        await tenant.pass_passcode(call.person, elsewhere)
    else:
        await tenant.sign_in(call.person, elsewhere)

    assert ok(await call.send(elsewhere), 201) != first
    assert await call.times_done() == 2


async def test_a_token_of_the_same_user_reads_nothing_back(tenant: Tenant) -> None:
    call = await invitation(tenant)
    ok(await call.send(), 201)
    script = await by_token(tenant, call.person, "users:write")

    refused(await call.send(script), 409, "conflict")  # the address is taken


async def test_the_same_key_in_another_account_is_another_request(tenant: Tenant) -> None:
    call = await api_token(tenant)
    first = ok(await call.send(), 201)
    there = await another_account(tenant)
    other = await there.signed_in(Role.ADMIN)

    assert ok(await call.send(other.browser), 201) != first


async def test_recovery_codes_of_a_user_who_became_the_owner_are_not_read_back(tenant: Tenant) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    call = await recovery_codes_of_a_user(tenant)
    codes = ok(await call.send(), 201)["recovery_codes"]
    users = ok(await owner.browser.get("/users", params={"role": "admin"}))["items"]
    [heir] = [user for user in users if user["id"] in call.path]
    ok(await owner.browser.post("/ownership", json={"user_id": heir["id"]}))

    response = await call.send()

    refused(response, 403, "forbidden")
    assert not [code for code in codes if code in response.text]
    assert await call.times_done() == 1


async def test_an_owner_who_handed_the_account_over_reads_no_token_back(tenant: Tenant) -> None:
    owner, heir = await tenant.signed_in(Role.OWNER), await tenant.signed_in(Role.ADMIN)
    call = await api_token(tenant)
    call.person, call.client = owner, owner.browser
    ok(await call.send(), 201)

    await hand_over(owner, heir)

    await refused_as_ended(call)


@pytest.mark.parametrize("arrange", [my_recovery_codes, recovery_codes_of_a_user, api_token, invitation])
async def test_a_session_that_is_no_longer_fresh_has_to_step_up_first(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    if call.person.app:
        await tenant.step_up(call.person)
    tenant.clock.turn(minutes=9)
    first = ok(await call.send(), 201)
    tenant.clock.turn(minutes=2)

    step_up_required(await call.send())
    await tenant.step_up(call.person)

    assert ok(await call.send(), 201) == first


async def test_a_lost_sign_in_is_not_given_out_after_the_password_was_changed(tenant: Tenant) -> None:
    call = await confirmation_at_sign_in(tenant)
    answer = ok(await call.send(), 201)
    codes = answer["recovery_codes"]
    admin = await tenant.signed_in(Role.ADMIN)
    ok(await admin.browser.delete(f"/users/{call.person.id}/sessions"), 204)

    response = await call.send()

    refused(response, 401, "sign_in_expired")
    assert answer["session"]["token"] not in response.text
    assert not [code for code in codes if code in response.text]


async def test_a_sign_in_is_not_read_back_without_its_token(tenant: Tenant) -> None:
    call = await confirmation_at_sign_in(tenant)
    ok(await call.send(), 201)
    for token in ("pgi_" + "A" * 43, "", "x" * 128):
        refused(await call.send(sign_in_token=token), 401, "sign_in_expired")

    for body in ({"passcode": "000000"}, {"remember_device": False}):
        refused(await call.send(**body), 422, "idempotency_key_reused")

    assert ok(await call.send(), 201)["status"] == "complete"


async def test_a_used_sign_in_without_a_key_has_ended_as_before(tenant: Tenant) -> None:
    call = await confirmation_at_sign_in(tenant)
    ok(await call.send(), 201)

    refused(await call.client.post(call.path, json=call.body), 401, "sign_in_expired")
    refused(await call.send(key='"another"'), 401, "sign_in_expired")


@pytest.mark.parametrize("arrange", [confirmation_in_a_session, my_recovery_codes, api_token, invitation])
async def test_a_session_that_ends_while_the_request_waits_reads_nothing_back(
    tenant: Tenant, arrange: Arrange
) -> None:
    call = await arrange(tenant)
    ok(await call.send(), 201)
    async with locked(tenant, call.person) as lock:
        waiting = asyncio.create_task(call.send())
        await lock.until_waiting()
        async with tenant.services.database.begin() as tx:
            await tx.execute(text("DELETE FROM sessions WHERE user_id = :user"), {"user": call.person.user.id})

    refused(await waiting, 401, "unauthenticated")
