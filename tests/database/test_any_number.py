"""A statement has the same text and number of parameters for any number of rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from app.audit.repository import record
from app.audit.rules import NOBODY, Event, EventType
from app.commands.retention import purge
from app.core.callers import RequestContext
from app.database.base import is_any_of
from app.database.tables import password_limits
from app.services import Services
from tests.support.account.arrange import Tenant
from tests.support.observe.sql import run_sql

_LIMITS = """
    INSERT INTO password_limits (account_id, "limit", key, empty_at)
    SELECT :account, 'user', uuid_send(gen_random_uuid()), CAST(:now AS timestamptz) - interval '2 hours'
    FROM generate_series(1, :count)
"""


@contextmanager
def statements() -> Iterator[set[tuple[str, int]]]:
    """Yield a set that collects each statement's text and its number of parameters."""
    found: set[tuple[str, int]] = set()

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        found.add((statement, len(parameters)))

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


async def test_rows_are_found_by_any_number_of_keys(tenant: Tenant) -> None:
    await run_sql(tenant, _LIMITS, now=tenant.clock.now(), count=5)
    key = list(password_limits.primary_key.columns)
    async with tenant.services.database.read() as tx:
        rows = [tuple(row) for row in await tx.execute(select(*key).where(key[0] == tenant.account.id))]
        texts = set()
        for wanted in ([], rows[:1], rows[:3], [*rows, *rows, (uuid4(), "user", b"other")]):
            query = select(*key).where(is_any_of(key, wanted))
            texts.add(str(query))
            assert {tuple(row) for row in await tx.execute(query)} == set(wanted) & set(rows)

    assert len(rows) == 5
    assert len(texts) == 1


async def test_any_number_of_expired_rows_is_deleted_by_the_same_statement(tenant: Tenant) -> None:
    found = []
    for count in (1, 7, 40):
        await run_sql(tenant, _LIMITS, now=tenant.clock.now(), count=count)
        with statements() as used:
            await purge(tenant.services)
        found.append({statement for statement in used if "DELETE FROM password_limits" in statement[0]})

    assert len(found[0]) == 1
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("count", [1, 2, 3000])
async def test_any_number_of_events_is_recorded(tenant: Tenant, count: int) -> None:
    context = RequestContext(tenant.account.id, tenant.clock.now(), "", "", "")
    events = [Event(EventType.SESSION_ENDED, "user", uuid4(), {"sessions": number}) for number in range(count)]

    async with tenant.services.database.begin() as tx:
        await record(tx, context, NOBODY, *events)

    statement = "SELECT target_id, details FROM audit_events WHERE account_id = :account"
    found = {row.target_id: row.details for row in await run_sql(tenant, statement)}
    assert found == {each.target_id: each.details for each in events}


async def test_the_prepared_statements_of_a_connection_are_bounded(services: Services) -> None:
    async with services.database.read() as tx:
        for number in range(600):
            await tx.exec_driver_sql(f"SELECT {number}")
        prepared = await tx.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
        assert prepared.scalar_one() <= 250
