"""HTTP for the audit log, which the owner and admins can only read."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.audit import repository
from app.audit.rules import EventFilter, EventType, RecordedEvent
from app.audit.schemas import Actor, AuditEvent, Target
from app.authentication.allow import AuditReader
from app.authentication.routes import AccountRoute
from app.web.dependencies import AppServices
from app.web.pages import Page, Paged
from app.web.wire import GivenTime

router = APIRouter(tags=["audit log"], route_class=AccountRoute)


@router.get("/audit-events", operation_id="listAuditEvents")
async def list_audit_events(
    services: AppServices,
    caller: AuditReader,
    page: Paged,
    kind: Annotated[EventType | None, Query(alias="type")] = None,
    actor_id: UUID | None = None,
    target_id: UUID | None = None,
    since: Annotated[GivenTime | None, Query(description="this moment or later")] = None,
    until: Annotated[GivenTime | None, Query(description="before this moment")] = None,
) -> Page[AuditEvent]:
    """List what happened in the account, newest first."""
    wanted = EventFilter(kind, actor_id, target_id, since, until)
    async with services.database.read() as tx:
        rows = await repository.list_events(tx, caller.account_id, wanted, before=page.before, limit=page.fetch)
    shown, cursor = page.cut(rows)
    return Page(items=[_show(event) for event in shown], next_cursor=cursor)


def _show(event: RecordedEvent) -> AuditEvent:
    is_known = event.actor_id is not None or event.credential is not None
    return AuditEvent(
        id=event.id,
        type=event.type,
        at=event.at,
        actor=Actor(id=event.actor_id, email=event.actor_email, credential=event.credential) if is_known else None,
        target=Target(type=event.target_type, id=event.target_id) if event.target_type else None,
        ip=event.ip,
        user_agent=event.user_agent,
        request_id=event.request_id,
        details=event.details,
    )
