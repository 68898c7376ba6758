"""Remove SSO identities when the user verifies the e-mail address."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.rules import Event, EventType
from app.core.callers import RequestContext
from app.credentials.sso_identities import repository
from app.sessions.use_cases import end_sso_sessions


async def mark_address_proven(tx: AsyncConnection, context: RequestContext, user_id: UUID) -> list[Event]:
    """Record that the user's e-mail address is verified; the first time, drop SSO identities.

    This prevents account pre-hijacking: somebody else who linked an SSO identity earlier must lose access. A
    legitimate identity is linked again at its next sign-in, if the provider is trusted for the address.

    The caller's transaction has locked the user's state and sets a new version, which invalidates exchange codes.
    So a concurrent sign-in with such an identity completes before the lock, or does not find the identity. Returns
    the events to record.
    """
    if not await repository.note_address_proven(tx, context.account_id, user_id, now=context.now):
        return []
    return await drop_identities(tx, context, user_id, because="the address was proven")


async def drop_identities(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, *, because: str
) -> list[Event]:
    """Delete the user's SSO identities, and end the sessions that began with SSO.

    The transaction must meet the conditions of `mark_address_proven`. Returns the events to record: none if no
    identity was linked.
    """
    if not await repository.delete_identities(tx, context.account_id, user_id):
        return []
    unlinked = Event(EventType.SSO_UNLINKED, "user", user_id, {"because": because})
    return [unlinked, *await end_sso_sessions(tx, context.account_id, user_id, because=because)]
