"""What becomes of a provider's word about a user when the user proves who they are."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.rules import Event, EventType
from app.core.callers import RequestContext
from app.credentials.sso_identities import repository
from app.sessions.use_cases import end_sso_sessions


async def prove_address(tx: AsyncConnection, context: RequestContext, user_id: UUID) -> list[Event]:
    """Note that the user reads letters to their address; the first proof drops earlier identities.

    A stranger who came first by a third party must not stay in (pre-hijacking). A link that was honest is made
    again at its next sign-in, if the provider is trusted with the address. For a transaction that has locked the
    user's state and gives it a new version, which ends exchange codes: a sign-in by such an identity is over
    before the lock, or finds it gone. Returns the events to record.
    """
    if not await repository.note_address_proven(tx, context.account_id, user_id, now=context.now):
        return []
    return await drop_identities(tx, context, user_id, because="the address was proven")


async def drop_identities(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, *, because: str
) -> list[Event]:
    """Forget whom providers mean by the user, and end the sessions that came about by one.

    For a transaction as `prove_address` says. Returns the events to record: none where no identity was linked.
    """
    if not await repository.delete_identities(tx, context.account_id, user_id):
        return []
    unlinked = Event(EventType.SSO_UNLINKED, "user", user_id, {"because": because})
    return [unlinked, *await end_sso_sessions(tx, context.account_id, user_id, because=because)]
