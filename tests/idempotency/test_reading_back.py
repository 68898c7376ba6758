"""A request with an `Idempotency-Key` is done once, and its answer can be read back once."""

from datetime import timedelta
from typing import Any

import pytest

from tests.idempotency.calls import (
    ARRANGED,
    Arrange,
    KeyedCall,
    api_token,
    confirmation_at_sign_in,
    confirmation_in_a_session,
    each_call,
    invitation,
    my_recovery_codes,
    new_key,
)
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.account.devices import cookies_set, is_asked
from tests.support.account.sign_ins import submit
from tests.support.observe.audit import AuditTrail
from tests.support.observe.jobs import letters
from tests.support.observe.sql import run_sql

ROWS = "SELECT count(*) FROM stored_answers WHERE account_id = :account"


async def rows(tenant: Tenant) -> int:
    [[count]] = await run_sql(tenant, ROWS)
    return int(count)


async def wait(tenant: Tenant, call: KeyedCall, time: timedelta) -> None:
    """Turn the clock, and keep the caller's session fresh."""
    then = tenant.clock.now() + time
    tenant.clock.turn(minutes=9)
    if call.person.browser.token:
        await tenant.step_up(call.person)
    tenant.clock.set(then)


@each_call
async def test_the_answer_is_read_back_and_nothing_is_done_again(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    await letters(tenant)
    first = await call.send()
    ok(first, 201)
    sent = await letters(tenant)
    trail = AuditTrail(tenant)
    await trail.new()

    again = await call.send()

    assert ok(again, 201) == first.json()
    for header in ("content-type", "location"):
        assert again.headers.get(header) == first.headers.get(header)
    assert cookies_set(again) == cookies_set(first)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert again.headers["cache-control"] == "no-store"
    assert await call.times_done() == 1
    assert len(sent) <= 2
    assert await letters(tenant) == []
    [event] = await trail.new()
    assert (event.type, event.actor_id) == ("answer.read_back", call.person.user.id)
    assert "{" in event.details["route"] or event.details["route"] in call.path


@each_call
async def test_an_answer_is_read_back_only_once(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    for _ in range(2):
        ok(await call.send(), 201)

    for _ in range(2):
        refused(await call.send(), 410, "answer_gone")

    assert await call.times_done() == 1


@pytest.mark.parametrize("arrange", [found for found in ARRANGED if found is not my_recovery_codes])
async def test_a_key_that_comes_with_another_body_is_refused(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    ok(await call.send(), 201)

    refused(await call.send(**call.other_body), 422, "idempotency_key_reused")
    ok(await call.send(), 201)
    refused(await call.send(**call.other_body), 422, "idempotency_key_reused")

    assert await call.times_done() == 1


async def test_a_key_that_comes_with_another_path_is_refused(tenant: Tenant) -> None:
    call = await invitation(tenant)
    ok(await call.send(), 201)
    call.path, call.body = "/api-tokens", {"description": "a job", "scopes": ["api"]}

    refused(await call.send(), 422, "idempotency_key_reused")

    assert not await run_sql(tenant, "SELECT id FROM api_tokens WHERE account_id = :account")


async def test_the_order_of_the_fields_is_free(tenant: Tenant) -> None:
    call = await invitation(tenant)
    first = ok(await call.send(), 201)
    assert call.body
    call.body = dict(reversed(call.body.items()))

    assert ok(await call.send(), 201) == first


@each_call
async def test_without_a_key_nothing_is_stored(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)

    ok(await call.client.post(call.path, json=call.body), 201)

    assert await rows(tenant) == 0


async def test_another_key_is_another_request(tenant: Tenant) -> None:
    call = await api_token(tenant)

    tokens = [ok(await call.send(key=new_key()), 201)["token"] for _ in range(3)]

    assert len(set(tokens)) == 3
    assert await call.times_done() == 3


async def test_the_recovery_codes_of_a_lost_confirmation_work(tenant: Tenant) -> None:
    call = await confirmation_in_a_session(tenant)
    await call.send()

    codes = ok(await call.send(), 201)["recovery_codes"]

    tenant.clock.turn(seconds=30)
    assert len(codes) == 10
    ok(await submit(tenant.browser(), await tenant.asked(call.person), codes[0]), 201)


async def test_a_lost_sign_in_goes_on_with_session_codes_and_device_cookie(tenant: Tenant) -> None:
    call = await confirmation_at_sign_in(tenant)
    await call.send(tenant.browser())  # its answer and its cookie are lost

    answer = ok(await call.send(), 201)

    call.person.browser.token = answer["session"]["token"]
    assert ok(await call.person.browser.get("/session"))["session"]["assurance"] == "aal2"
    assert len(ok(await call.person.browser.get("/users/me/sessions"))["items"]) == 1
    assert not await is_asked(tenant, call.person)
    ok(await submit(tenant.browser(), await tenant.asked(call.person), answer["recovery_codes"][0]), 201)


async def test_a_refusal_is_not_stored_so_the_key_can_be_used_for_the_next_try(tenant: Tenant) -> None:
    for arrange in (confirmation_in_a_session, confirmation_at_sign_in):
        call = await arrange(tenant)
        right: dict[str, Any] = dict(call.body or {})
        refused(await call.send(**call.other_body), 401, "passcode_incorrect")
        refused(await call.send(**call.other_body), 401, "passcode_incorrect")

        ok(await call.send(**right), 201)

        failures = "SELECT max(failures) FROM enrollments WHERE account_id = :account AND user_id = :user"
        assert (await run_sql(tenant, failures, user=call.person.user.id))[0][0] == 2


async def test_an_invitation_that_is_refused_can_be_sent_again(tenant: Tenant) -> None:
    call = await invitation(tenant)
    refused(await call.send(email=call.person.user.email), 409, "conflict")

    ok(await call.send(), 201)


@each_call
async def test_after_ten_minutes_the_key_is_forgotten(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    first = ok(await call.send(), 201)
    await wait(tenant, call, timedelta(minutes=10))

    late = await call.send()

    if late.is_error:
        assert late.json()["code"] in {"sign_in_expired", "enrollment_expired", "conflict"}
    else:
        assert late.json() != first


@each_call
async def test_until_then_it_can_be_read_back(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    first = ok(await call.send(), 201)
    await wait(tenant, call, timedelta(minutes=9, seconds=59.9))

    assert ok(await call.send(), 201) == first


async def test_an_expired_key_begins_anew_and_is_remembered_again(tenant: Tenant) -> None:
    call = await my_recovery_codes(tenant)
    ok(await call.send(), 201)
    tenant.clock.turn(minutes=10)
    await tenant.step_up(call.person)

    second = ok(await call.send(), 201)

    assert ok(await call.send(), 201) == second
    refused(await call.send(), 410, "answer_gone")
    assert await call.times_done() == 2
    assert await rows(tenant) == 1
