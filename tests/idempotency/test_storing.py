"""How an answer is stored: sealed, bound to its row and user, for 10 minutes, and no longer."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.commands.retention import purge
from tests.idempotency.calls import (
    Arrange,
    KeyedCall,
    api_token,
    confirmation_at_sign_in,
    confirmation_in_a_session,
    each_call,
    invitation,
    my_recovery_codes,
)
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.observe.audit import AuditTrail
from tests.support.observe.locks import until_waiting
from tests.support.observe.sql import run_sql


def secrets_in(answer: Any) -> list[str]:
    """Return the recovery codes and tokens in an answer."""
    found = [*(answer.get("recovery_codes") or []), answer.get("token"), answer.get("session", {}).get("token")]
    return [secret for secret in found if secret]


async def stored(tenant: Tenant) -> list[str]:
    """Return the rows of the account as text."""
    query = "SELECT s::text FROM stored_answers s WHERE account_id = :account"
    return [row for (row,) in await run_sql(tenant, query)]


@pytest.mark.parametrize(
    "arrange", [confirmation_in_a_session, confirmation_at_sign_in, my_recovery_codes, api_token]
)
async def test_neither_the_table_nor_the_log_nor_the_audit_has_a_secret_or_the_key(
    tenant: Tenant, arrange: Arrange
) -> None:
    call = await arrange(tenant)
    with capture_logs() as logged:
        answer = ok(await call.send(), 201)
        [before] = await stored(tenant)
        ok(await call.send(), 201)
        [after] = await stored(tenant)
        refused(await call.send(), 410, "answer_gone")
        refused(await call.send(key="'bad'"), 422, "invalid_request")

    secrets = [*secrets_in(answer), call.key.strip('"')]
    assert len(secrets) >= 2
    events = str(await AuditTrail(tenant).new())
    for secret in secrets:
        for text_ in (before, after, str(logged), events):
            assert secret not in text_
            assert secret.encode().hex() not in text_


@each_call
async def test_once_read_back_the_answer_is_gone_from_the_table(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    answer = await call.send()
    before = await sealed_length(call)
    assert before > len(answer.content)

    ok(await call.send(), 201)

    assert await sealed_length(call) < 200


async def sealed_length(call: KeyedCall) -> int:
    query = "SELECT length(sealed_answer) FROM stored_answers WHERE account_id = :account"
    [[length]] = await run_sql(call.tenant, query)
    return int(length)


@pytest.mark.parametrize(
    "change",
    [
        "sealed_answer = set_byte(sealed_answer, length(sealed_answer) - 1, 0)",
        "sealed_answer = '\\x00'",
        "user_id = gen_random_uuid()",
        "id = gen_random_uuid()",
        "sealed_answer = (SELECT o.sealed_answer FROM stored_answers o WHERE o.id <> stored_answers.id LIMIT 1)",
    ],
)
async def test_an_answer_that_was_changed_or_moved_is_gone_and_the_act_is_not_repeated(
    tenant: Tenant, change: str
) -> None:
    other = await api_token(tenant)
    ok(await other.send(), 201)
    call = await my_recovery_codes(tenant)
    ok(await call.send(), 201)
    statement = f"UPDATE stored_answers SET {change} WHERE account_id = :account AND user_id = :user RETURNING id"  # noqa: S608 -- ours
    assert len(await run_sql(tenant, statement, user=call.person.user.id)) == 1

    refused(await call.send(), 410, "answer_gone")

    assert await call.times_done() == 1


async def test_answers_are_purged_when_their_time_is_over_and_not_before(tenant: Tenant) -> None:
    read_back, unread = await api_token(tenant), await api_token(tenant)
    for call in (read_back, read_back, unread):
        ok(await call.send(), 201)
    tenant.clock.turn(minutes=69)
    await purge(tenant.services)
    assert len(await stored(tenant)) == 2

    tenant.clock.turn(minutes=2)
    await purge(tenant.services)

    assert await stored(tenant) == []


async def test_a_request_that_fails_stores_nothing(tenant: Tenant) -> None:
    call = await confirmation_in_a_session(tenant)

    refused(await call.send(**call.other_body), 401, "passcode_incorrect")

    assert await stored(tenant) == []


@pytest.mark.parametrize("arrange", [my_recovery_codes, api_token, invitation])
async def test_nothing_is_stored_for_a_session_that_ends_during_the_request(
    tenant: Tenant, arrange: Arrange
) -> None:
    """A sign-out takes no lock of the user, so it can come between the act and its answer."""
    call = await arrange(tenant)
    database = tenant.services.database
    async with database.begin() as tx:
        query = text("DELETE FROM sessions WHERE account_id = :account AND user_id = :user")
        await tx.execute(query, {"account": tenant.account.id, "user": call.person.user.id})
        answer = asyncio.create_task(call.send())
        await until_waiting(database)

    ok(await answer, 201)
    assert await call.times_done() == 1
    assert await stored(tenant) == []
