"""The audit events in the database: written, and read with the e-mail addresses that users have today."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.rules import Actor, Event, EventFilter, RecordedEvent
from app.core.callers import Caller, RequestContext
from app.database.base import insert_from_params, insert_params
from app.database.ids import new_id, oldest_id
from app.database.statements import PrecompiledStatement
from app.database.tables import audit_events, users

_COLUMNS = [
    audit_events.c.id,
    audit_events.c.type,
    audit_events.c.at,
    audit_events.c.actor_id,
    users.c.email,
    audit_events.c.credential,
    audit_events.c.target_type,
    audit_events.c.target_id,
    audit_events.c.ip,
    audit_events.c.user_agent,
    audit_events.c.request_id,
    audit_events.c.details,
]


def insert_events_sql(*names: str, after: CTE | None = None) -> Insert:
    """Return the statement that writes an event for each name; `after` is that of `adding`.

    Its parameters are those of `insert_event_params`, for each of the names.
    """
    return insert_from_params(audit_events, *names, after=after)


def insert_event_params(name: str, context: RequestContext, actor: Actor, event: Event) -> dict[str, Any]:
    """Return the parameters of `recording`."""
    values = {
        "account_id": context.account_id,
        "id": new_id(context.now),
        "type": event.type.value,
        "at": context.now,
        "actor_id": actor.user_id,
        "credential": actor.credential,
        "target_type": event.target_type,
        "target_id": event.target_id,
        "ip": context.ip or None,
        "user_agent": context.user_agent or None,
        "request_id": context.request_id or None,
        "details": event.details,
    }
    return insert_params(audit_events, values, name)


@cache
def _recording(count: int) -> PrecompiledStatement:
    return PrecompiledStatement(insert_events_sql(*(f"event_{number}" for number in range(count))))


async def record(tx: AsyncConnection, context: RequestContext, actor: Actor, *events: Event) -> None:
    """Write `events`, in the transaction of the act itself: they are kept exactly when it is."""
    values: dict[str, Any] = {}
    for number, event in enumerate(events):
        values |= insert_event_params(f"event_{number}", context, actor, event)
    if events:
        await _recording(len(events)).rows(tx, values)


async def record_act(tx: AsyncConnection, caller: Caller, *events: Event) -> None:
    """Write what the caller did."""
    await record(tx, caller.context, Actor(caller.user_id, caller.credential), *events)


async def list_events(
    tx: AsyncConnection, account_id: UUID, wanted: EventFilter, *, before: UUID | None, limit: int
) -> list[RecordedEvent]:
    """Return the account's events that the filter lets through, newest first, from behind the id `before`."""
    query = (
        select(*_COLUMNS)
        .join_from(
            audit_events,
            users,
            (users.c.account_id == audit_events.c.account_id) & (users.c.id == audit_events.c.actor_id),
            isouter=True,
        )
        .where(audit_events.c.account_id == account_id)
        .order_by(audit_events.c.id.desc())
        .limit(limit)
    )
    if wanted.type is not None:
        query = query.where(audit_events.c.type == wanted.type.value)
    if wanted.actor_id is not None:
        query = query.where(audit_events.c.actor_id == wanted.actor_id)
    if wanted.target_id is not None:
        query = query.where(audit_events.c.target_id == wanted.target_id)
    # An event's id is made of its moment: whatever the filter, one index has the time and the order.
    if wanted.since is not None:
        query = query.where(audit_events.c.id >= oldest_id(wanted.since))
    if wanted.until is not None:
        query = query.where(audit_events.c.id < oldest_id(wanted.until))
    if before is not None:
        query = query.where(audit_events.c.id < before)
    return [RecordedEvent(*row) for row in await tx.execute(query)]
