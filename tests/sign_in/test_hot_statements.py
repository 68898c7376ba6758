"""The hot statements: their SQL, and changes of the state between read and write."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.statements import PrecompiledStatement
from app.database.tables import second_factor_state
from app.sign_in import complete_sign_in, count_attempt, repository
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import submit

SQL = Path(__file__).parent / "sql"
STATEMENTS = {
    "complete_by_passcode": complete_sign_in.BY_PASSCODE,
    "complete_by_sign_in": complete_sign_in.BY_SIGN_IN,
    "complete_by_first_factor": complete_sign_in.BY_FIRST_FACTOR,
    "count_attempt": count_attempt.COUNT_ATTEMPT,
}
Meanwhile = Callable[[], Awaitable[Any]]


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_sql_that_runs_is_the_sql_that_was_reviewed(name: str) -> None:
    """After an intended change, write the new SQL into the file and review the difference."""
    assert STATEMENTS[name].sql == (SQL / f"{name}.sql").read_text()


@pytest.fixture
async def person(tenant: Tenant) -> SimulatedUser:
    return await tenant.enrolled()


@contextmanager
def between_read_and_write(monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile) -> Iterator[None]:
    """Run `meanwhile` after the first read of an attempt, before its result is written."""
    read = repository.find_with_authenticators
    waiting = [meanwhile]

    async def read_first(tx: AsyncConnection, *arguments: Any) -> Any:
        found = await read(tx, *arguments)
        if waiting:
            await waiting.pop()()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(repository, "find_with_authenticators", read_first)
        yield
    assert not waiting


async def state_of(tenant: Tenant, person: SimulatedUser) -> Any:
    query = select(second_factor_state.c.failures, second_factor_state.c.blocked_until)
    async with tenant.services.database.read() as tx:
        return (await tx.execute(query.where(second_factor_state.c.user_id == person.user.id))).one()


async def test_an_attempt_is_judged_again_when_the_state_changed_meanwhile(
    tenant: Tenant, person: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await tenant.asked(person), await tenant.asked(person)
    right, wrong = person.authenticator.next_passcode(), person.authenticator.wrong_passcode()

    async def fail_once() -> None:
        refused(await submit(tenant.browser(), second, wrong), 401, "passcode_incorrect")

    with between_read_and_write(monkeypatch, fail_once):
        ok(await submit(tenant.browser(), first, right), 201)

    assert tuple(await state_of(tenant, person)) == (0, None)


async def test_a_right_passcode_that_was_used_meanwhile_is_a_counted_failure(
    tenant: Tenant, person: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await tenant.asked(person), await tenant.asked(person)
    right = person.authenticator.next_passcode()

    async def use_it() -> None:
        ok(await submit(tenant.browser(), second, right), 201)

    with between_read_and_write(monkeypatch, use_it):
        refused(await submit(tenant.browser(), first, right), 401, "passcode_already_used")

    assert (await state_of(tenant, person)).failures == 1


@pytest.mark.parametrize("answer", ["right", "wrong"])
async def test_an_attempt_throttled_between_read_and_write_is_not_judged(
    tenant: Tenant, person: SimulatedUser, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    tokens = [await tenant.asked(person) for _ in range(6)]
    wrong = person.authenticator.wrong_passcode()
    given = person.authenticator.next_passcode() if answer == "right" else wrong

    async def be_throttled() -> None:
        for token in tokens[1:]:
            refused(await submit(tenant.browser(), token, wrong), 401, "passcode_incorrect")

    with between_read_and_write(monkeypatch, be_throttled):
        response = await submit(tenant.browser(), tokens[0], given)

    refused(response, 429, "too_many_attempts")
    assert (await state_of(tenant, person)).failures == 5
    if answer == "right":  # neither the passcode nor the sign-in was used up
        tenant.clock.turn(seconds=31)
        ok(await submit(tenant.browser(), tokens[0], person.authenticator.next_passcode()), 201)


async def test_a_change_of_the_second_factor_meanwhile_ends_the_sign_in(
    tenant: Tenant, person: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await tenant.asked(person)
    right = person.authenticator.next_passcode()

    async def turn_off() -> None:
        ok(await person.browser.delete("/users/me/two-factor"), 204)

    with between_read_and_write(monkeypatch, turn_off):
        refused(await submit(tenant.browser(), token, right), 401, "sign_in_expired")


async def test_a_second_right_passcode_for_a_completed_sign_in_stays_unused(
    tenant: Tenant, person: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, another = await tenant.asked(person), await tenant.asked(person)
    earlier, later = person.authenticator.passcode(0), person.authenticator.passcode(1)

    async def complete_with_the_earlier() -> None:
        ok(await submit(tenant.browser(), token, earlier), 201)

    with between_read_and_write(monkeypatch, complete_with_the_earlier):
        refused(await submit(tenant.browser(), token, later), 401, "sign_in_expired")

    ok(await submit(tenant.browser(), another, later), 201)


async def test_a_throttled_attempt_runs_the_same_statements_right_or_wrong(
    tenant: Tenant, person: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, done = person.authenticator.wrong_passcode(), {}
    run = PrecompiledStatement.row, PrecompiledStatement.value
    for answer in ("right", "wrong"):
        tokens = [await tenant.asked(person) for _ in range(6)]
        given = person.authenticator.next_passcode() if answer == "right" else wrong
        statements: list[str] = []

        async def row(self: PrecompiledStatement, *arguments: Any, kept: list[str] = statements) -> Any:
            kept.append(self.sql)
            return await run[0](self, *arguments)

        async def value(self: PrecompiledStatement, *arguments: Any, kept: list[str] = statements) -> Any:
            kept.append(self.sql)
            return await run[1](self, *arguments)

        async def be_throttled(tokens: list[str] = tokens, kept: list[str] = statements) -> None:
            for token in tokens[1:]:
                await submit(tenant.browser(), token, wrong)
            kept.clear()

        with monkeypatch.context() as patch, between_read_and_write(monkeypatch, be_throttled):
            patch.setattr(PrecompiledStatement, "row", row)
            patch.setattr(PrecompiledStatement, "value", value)
            refused(await submit(tenant.browser(), tokens[0], given), 429, "too_many_attempts")
        done[answer] = sorted(statements)
        tenant.clock.turn(minutes=16)
        ok(await submit(tenant.browser(), await tenant.asked(person), person.authenticator.next_passcode()), 201)

    assert done["right"] == done["wrong"]
    assert {complete_sign_in.BY_PASSCODE.sql, count_attempt.COUNT_ATTEMPT.sql} <= set(done["right"])


async def test_a_statement_that_waits_too_long_for_the_lock_changes_nothing(
    tenant: Tenant, person: SimulatedUser
) -> None:
    """Postgres stops waiting before the service does: an attempt answered 503 is never done."""
    token = await tenant.asked(person)
    lock = f"SELECT FROM second_factor_state WHERE user_id = '{person.id}' FOR UPDATE"
    url = tenant.services.database_url
    holder = await asyncpg.connect(url)
    try:
        async with holder.transaction():
            await holder.execute(lock)
            for given in (person.authenticator.wrong_passcode(), person.authenticator.next_passcode()):
                refused(await submit(tenant.browser(), token, given), 503, "unavailable")
    finally:
        await holder.close()

    assert (await state_of(tenant, person)).failures == 0
