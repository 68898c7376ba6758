"""Creating, finding and ending sessions."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.core.assurance import SSO
from app.core.callers import Caller, RequestContext
from app.core.errors import NotFound
from app.core.ids import new_id
from app.crypto.digests import digest, is_secret, new_secret
from app.database.engine import Database
from app.sessions import repository
from app.sessions.repository import SessionOwner
from app.sessions.rules import LAST_SEEN_INTERVAL, PREFIX, Session


def new_session(
    context: RequestContext,
    user_id: UUID,
    *,
    amr: tuple[str, ...],
    first_factor_at: datetime | None,
    second_factor_at: datetime | None,
) -> tuple[Session, str]:
    """Return a new session, to be stored, and its token.

    `first_factor_at` is None if a backend checked the first factor, not Passgate itself.
    """
    session = Session(
        id=new_id(context.now),
        user_id=user_id,
        amr=amr,
        first_factor_at=first_factor_at,
        second_factor_at=second_factor_at,
        created_at=context.now,
        last_seen_at=context.now,
        ip=context.ip,
        user_agent=context.user_agent,
    )
    return session, new_secret(PREFIX)


async def find_session(tx: AsyncConnection, account_id: UUID, token: str, now: datetime) -> SessionOwner | None:
    """Return the unexpired session with this token whose user may sign in; None if there is none."""
    if not is_secret(token, PREFIX):
        return None
    owner = await repository.find_by_digest(tx, account_id, digest(token))
    if owner is None or not owner.user.may_sign_in or now >= owner.session.expires_at(owner.user.role):
        return None
    return owner


async def keep_alive(database: Database, account_id: UUID, owner: SessionOwner, now: datetime) -> SessionOwner:
    """Store that the session is in use, at most once a minute."""
    if now - owner.session.last_seen_at < LAST_SEEN_INTERVAL:
        return owner
    async with database.begin() as tx:
        await repository.touch(tx, account_id, owner.session.id, now=now)
    return replace(owner, session=replace(owner.session, last_seen_at=now))


async def end_my_session(tx: AsyncConnection, caller: Caller, session_id: UUID) -> None:
    """End one session of the caller; raises `NotFound`."""
    if not await repository.delete_session(tx, caller.account_id, caller.user_id, session_id):
        raise NotFound
    because = "signed out" if session_id == caller.session_id else "ended by the user"
    await record_act(tx, caller, Event(EventType.SESSION_ENDED, "session", session_id, {"because": because}))


async def end_sessions(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, *, because: str, except_session_id: UUID | None = None
) -> list[Event]:
    """End the user's sessions except `except_session_id`; returns the event to record, if any was ended."""
    ended = await repository.delete_sessions(tx, account_id, user_id, except_session_id=except_session_id)
    return _ended(user_id, ended, because)


async def end_sso_sessions(tx: AsyncConnection, account_id: UUID, user_id: UUID, *, because: str) -> list[Event]:
    """End the user's sessions made by third-party sign-ins.

    Returns the event to record, if any was ended.
    """
    ended = await repository.delete_sessions(tx, account_id, user_id, method=SSO)
    return _ended(user_id, ended, because)


def _ended(user_id: UUID, sessions: int, because: str) -> list[Event]:
    if not sessions:
        return []
    return [Event(EventType.SESSION_ENDED, "user", user_id, {"sessions": sessions, "because": because})]


async def end_my_other_sessions(tx: AsyncConnection, caller: Caller) -> None:
    """End every session of the caller except the current one."""
    events = await end_sessions(
        tx, caller.account_id, caller.user_id, because="ended by the user", except_session_id=caller.session_id
    )
    await record_act(tx, caller, *events)
