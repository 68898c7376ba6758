"""Writing and reading audit events; they are read with the actors' current e-mail addresses."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Text, Uuid, bindparam, insert, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.rules import Actor, Event, EventFilter, EventType, RecordedEvent
from app.core.callers import Caller, RequestContext
from app.core.errors import Refusal
from app.core.ids import new_id, oldest_id
from app.database.base import Moment
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


INSERT_EVENTS = """INSERT INTO audit_events (account_id, id, type, at, actor_id, credential, target_type,
                            target_id, ip, user_agent, request_id, details)
  SELECT e.account_id, e.id, e.type, e.at, e.actor_id, e.credential, e.target_type, e.target_id,
         e.ip, e.user_agent, e.request_id, e.details
  FROM jsonb_to_recordset(:events) AS e (
    account_id uuid, id uuid, type text, at timestamptz, actor_id uuid, credential text, target_type text,
    target_id uuid, ip text, user_agent text, request_id text, details jsonb)"""
"""Inserts any number of events with one query plan; also part of larger statements.

Parameter: `events`, from `event_rows`.
"""


def event_rows(context: RequestContext, actor: Actor, *events: Event) -> list[dict[str, Any]]:
    """Return the parameter `events` of `INSERT_EVENTS`; used for every audit event but imports."""
    return [
        {
            "account_id": str(context.account_id),
            "id": str(new_id(context.now)),
            "type": event.type.value,
            "at": context.now.isoformat(),
            "actor_id": actor.user_id and str(actor.user_id),
            "credential": actor.credential,
            "target_type": event.target_type,
            "target_id": event.target_id and str(event.target_id),
            "ip": context.ip or None,
            "user_agent": context.user_agent or None,
            "request_id": context.request_id or None,
            "details": event.details,
        }
        for event in events
    ]


_INSERT = PrecompiledStatement(text(INSERT_EVENTS).bindparams(bindparam("events", type_=JSONB)))


async def record(tx: AsyncConnection, context: RequestContext, actor: Actor, *events: Event) -> None:
    """Write `events` in the transaction of the action, so that both commit or neither does."""
    if events:
        await _INSERT.rows(tx, {"events": event_rows(context, actor, *events)})


@dataclass(frozen=True)
class SelectedEvents:
    """One event for each row of `rows`; `id`, the target's id and `details` are columns of it."""

    rows: FromClause
    type: EventType
    id: ColumnElement[UUID]
    target: tuple[str, ColumnElement[UUID]]
    details: ColumnElement[Any]


async def record_selected(
    tx: AsyncConnection, context: RequestContext, actor: Actor, events: SelectedEvents
) -> None:
    """Insert one event per row of a query: `record` for more rows than one parameter should carry."""
    target_type, target_id = events.target
    values: dict[str, ColumnElement[Any]] = {
        "account_id": literal(context.account_id),
        "id": events.id,
        "type": literal(events.type.value),
        "at": literal(context.now, Moment),
        "actor_id": literal(actor.user_id, Uuid),
        "credential": literal(actor.credential),
        "target_type": literal(target_type),
        "target_id": target_id,
        "ip": literal(context.ip or None, Text),
        "user_agent": literal(context.user_agent or None, Text),
        "request_id": literal(context.request_id or None, Text),
        "details": events.details,
    }
    query = select(*values.values()).select_from(events.rows)
    await tx.execute(insert(audit_events).from_select(list(values), query))


async def record_act(tx: AsyncConnection, caller: Caller, *events: Event) -> None:
    """Write `events` with the caller as the actor."""
    await record(tx, caller.context, Actor(caller.user_id, caller.credential), *events)


async def deny(
    tx: AsyncConnection, caller: Caller, target_type: str | None, target_id: UUID | None, refusal: Refusal
) -> Refusal:
    """Record that the caller was refused, and return the refusal.

    The caller of this function returns it too: a raised refusal would roll back the event.
    """
    await record_act(tx, caller, Event(EventType.ACCESS_DENIED, target_type, target_id, {"code": refusal.code}))
    return refusal


async def list_events(
    tx: AsyncConnection, account_id: UUID, wanted: EventFilter, *, before: UUID | None, limit: int
) -> list[RecordedEvent]:
    """Return the account's events that match the filter, newest first, with ids below `before`."""
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
    # An event's id contains its time, so an index on the id serves both the time filters and the order.
    if wanted.since is not None:
        query = query.where(audit_events.c.id >= oldest_id(wanted.since))
    if wanted.until is not None:
        query = query.where(audit_events.c.id < oldest_id(wanted.until))
    if before is not None:
        query = query.where(audit_events.c.id < before)
    return [RecordedEvent(*row) for row in await tx.execute(query)]
