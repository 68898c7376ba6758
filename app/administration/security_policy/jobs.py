"""The job that deletes and records the sessions that a policy change has ended."""

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
"""Users per transaction; one takes about 30 ms."""
BUSY_SECONDS = 0.5
"""Pause before the next try for sessions that other transactions lock, for 2.5 s at most."""

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
    """Delete the sessions that a policy change has ended; record an event for each user.

    The sessions are unusable from the commit of the change on. A second run continues where the first stopped.
    """
    ended = EndedSessions(UUID(account_id), roles, UUID(through), UUID(kept))
    actor = Actor(UUID(actor_id), credential)
    left = await _delete(services, ended, actor, ip, user_agent, request_id)
    while left:
        await asyncio.sleep(BUSY_SECONDS)
        left = await _delete(services, ended, actor, ip, user_agent, request_id)
    async with services.database.begin() as tx:
        await repository.clear_ended_marks(tx, ended)


async def _delete(
    services: Services, ended: EndedSessions, actor: Actor, ip: str, user_agent: str, request_id: str
) -> int:
    """Delete ended sessions of all the account's users, in batches; return how many are left.

    Those left are locked by other transactions.
    """
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
