"""End all access of a user whose role or status changes."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.rules import Event, EventType
from app.credentials.api_tokens.repository import delete_tokens_of
from app.credentials.links.repository import void_links, void_links_requested_by
from app.second_factor import repository as second_factor
from app.second_factor.trusted_devices.use_cases import revoke_all
from app.sessions.use_cases import end_sessions


async def end_access(tx: AsyncConnection, account_id: UUID, user_id: UUID, *, because: str) -> list[Event]:
    """End all access that a user's old role or status gave; return the events to record.

    The new version invalidates pending sign-ins, enrollments and exchange codes. Sessions, trusted devices, links
    and API tokens are ended, and so are the e-mail changes that the user requested for others. Undoing the change
    of role or status restores none of them. The caller has locked the user's state.
    """
    await second_factor.change_state(tx, account_id, user_id, new_version=True)
    await void_links(tx, account_id, user_id)
    await void_links_requested_by(tx, account_id, user_id)
    events = await end_sessions(tx, account_id, user_id, because=because)
    events += await revoke_all(tx, account_id, user_id, because=because)
    if tokens := await delete_tokens_of(tx, account_id, user_id):
        events.append(Event(EventType.API_TOKEN_REVOKED, "user", user_id, {"tokens": tokens, "because": because}))
    return events
