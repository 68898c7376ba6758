"""What the worker does when a change of the policy has ended sessions: deletes and records them."""

import asyncio
from uuid import UUID

from app.administration.security_policy import repository
from app.administration.security_policy.repository import DeletedSessions, EndedSessions
from app.audit.repository import record
from app.audit.rules import Actor, Event, EventType
from app.core.callers import RequestContext
from app.core.ids import NIL_ID
from app.services import Services

BATCH = 500
"""How many users one transaction is about: some 30 ms."""
BUSY_SECONDS = 0.5
"""How long to wait for those who have locked what is left: a transaction takes 2.5 s at most."""

_BECAUSE = "two-factor authentication is required now"


async def delete_ended_sessions(
    services: Services,
    *,
    account_id: str,
    roles: list[str],
    through: str,
    kept: str,
    actor_id: str,
    credential: str,
    ip: str,
    user_agent: str,
    request_id: str,
) -> None:
    """Delete the sessions that a change of the policy has ended, and record each of their users once.

    Nobody could use them any more before. A second run continues where the first one stopped.
    """
    ended = EndedSessions(UUID(account_id), roles, UUID(through), UUID(kept))
    actor = Actor(UUID(actor_id), credential)
    left = await _delete(services, ended, actor, ip, user_agent, request_id)
    while left:
        await asyncio.sleep(BUSY_SECONDS)
        left = await _delete(services, ended, actor, ip, user_agent, request_id)
    async with services.database.begin() as tx:
        await repository.forget_ended_sessions(tx, ended)


async def _delete(
    services: Services, ended: EndedSessions, actor: Actor, ip: str, user_agent: str, request_id: str
) -> int:
    """Go through the account's users who have sessions, a batch at a time; returns how many sessions are left."""
    left, after = 0, NIL_ID
    while True:
        context = RequestContext(ended.account_id, services.clock.now(), ip, user_agent, request_id)
        async with services.database.begin() as tx:
            batch = await repository.delete_ended_sessions(tx, ended, after=after, limit=BATCH)
            await record(tx, context, actor, *(_event(user) for user in batch if user.deleted))
        if not batch:
            return left
        left, after = left + sum(user.left for user in batch), batch[-1].user_id


def _event(user: DeletedSessions) -> Event:
    details = {"sessions": user.deleted, "because": _BECAUSE}
    return Event(EventType.SESSION_ENDED, "user", user.user_id, details)
