"""The audit events of an account, read from the table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.observe.sql import run_sql

MOVED_TO = "203.0.113.7"


@dataclass(frozen=True)
class Recorded:
    """One audit event."""

    id: UUID
    type: str
    at: datetime
    actor_id: UUID | None
    credential: str | None
    target_type: str | None
    target_id: UUID | None
    ip: str
    user_agent: str
    request_id: str
    details: dict[str, Any]

    @property
    def target(self) -> tuple[str | None, UUID | None]:
        return self.target_type, self.target_id


class AuditTrail:
    """Reads the events that were recorded since the last call."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._seen: set[UUID] = set()

    async def new(self) -> list[Recorded]:
        """Return the events that are new, by type and then by id."""
        statement = """
            SELECT id, type, at, actor_id, credential, target_type, target_id, ip, user_agent, request_id, details
            FROM audit_events WHERE account_id = :account ORDER BY type, id
        """
        found = [Recorded(*row) for row in await run_sql(self._tenant, statement)]
        fresh = [event for event in found if event.id not in self._seen]
        self._seen |= {event.id for event in fresh}
        return fresh

    async def new_types(self) -> list[str]:
        """Return the types of the new events in alphabetical order."""
        return [event.type for event in await self.new()]


async def move(tenant: Tenant, person: SimulatedUser) -> None:
    """Continue the person's session from another address and browser, and with a request id."""
    token = person.browser.token
    person.browser = tenant.browser(ip=MOVED_TO)
    person.browser.token = token
    person.browser.http.headers.update({"User-Agent": "a moved\tbrowser", "X-Request-ID": "the-request"})


def is_by(event: Recorded, person: SimulatedUser, credential: str | None = "session") -> bool:
    """Whether the event names the person and the browser that they moved to."""
    return (event.actor_id, event.credential, event.ip, event.user_agent, event.request_id) == (
        person.user.id,
        credential,
        MOVED_TO,
        "a movedbrowser",  # without the control character
        "the-request",
    )
