"""Writing audit events."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.rules import Actor, Event
from app.callers import Caller, Visitor
from app.database.ids import new_id
from app.database.tables import audit_events


async def record(tx: AsyncConnection, visitor: Visitor, actor: Actor, *events: Event) -> None:
    """Write `events`, in the transaction of the act itself: they are kept exactly when it is."""
    if not events:
        return
    await tx.execute(
        insert(audit_events),
        [
            {
                "account_id": visitor.account_id,
                "id": new_id(visitor.now),
                "type": event.type.value,
                "at": visitor.now,
                "actor_id": actor.user_id,
                "credential": actor.credential,
                "target_type": event.target_type,
                "target_id": event.target_id,
                "ip": visitor.ip or None,
                "user_agent": visitor.user_agent or None,
                "request_id": visitor.request_id or None,
                "details": event.details,
            }
            for event in events
        ],
    )


async def record_act(tx: AsyncConnection, caller: Caller, *events: Event) -> None:
    """Write what the caller did."""
    await record(tx, caller.visitor, Actor(caller.user_id, caller.credential), *events)
