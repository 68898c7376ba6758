"""SQL for sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    any_,
    case,
    delete,
    false,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.rules import SecurityPolicy
from app.accounts.users.credential_owners import credential_with_owner_sql, has_authenticator, owner_of
from app.accounts.users.rules import User
from app.core.assurance import SSO
from app.core.callers import Role
from app.database.statements import PrecompiledStatement
from app.database.tables import security_policies, sessions, users
from app.sessions.rules import Session, Timeouts

_COLUMNS = [
    sessions.c.id.label("session_id"),
    sessions.c.user_id,
    sessions.c.amr,
    sessions.c.first_factor_at,
    sessions.c.second_factor_at,
    sessions.c.created_at.label("session_created_at"),
    sessions.c.last_seen_at,
    sessions.c.ip,
    sessions.c.user_agent,
]


def _has_ended() -> ColumnElement[bool]:
    """Return the SQL condition that a policy change has ended the session.

    For a query of `sessions`, `users` and `security_policies`. A policy change ends the sessions of users who must
    enroll, except sessions made by a third-party sign-in and the session of whoever made the change. A job deletes
    the rows later.
    """
    is_end_user = users.c.role == Role.END_USER.value
    through = case(
        (is_end_user, security_policies.c.end_user_sessions_ended_through),
        else_=security_policies.c.team_sessions_ended_through,
    )
    return and_(
        func.coalesce(sessions.c.id <= through, false()),
        sessions.c.id.is_distinct_from(security_policies.c.team_session_kept),
        ~made_by_third_party(),
        ~has_authenticator(),
    )


def made_by_third_party() -> ColumnElement[bool]:
    """Return the SQL condition that a session was made by a third-party sign-in."""
    return literal(SSO) == any_(sessions.c.amr)


_BY_DIGEST = PrecompiledStatement(credential_with_owner_sql(sessions, _COLUMNS).where(~_has_ended()))


def _session(values: Sequence[Any]) -> Session:
    id_, user_id, amr, *rest = values[: len(_COLUMNS)]
    return Session(id_, user_id, tuple(amr), *rest)


@dataclass(frozen=True)
class SessionOwner:
    """A session with the data needed for authorization.

    `has_authenticator`: whether the user has a confirmed authenticator.
    """

    session: Session
    user: User
    policy: SecurityPolicy
    has_authenticator: bool


async def find_by_digest(tx: AsyncConnection, account_id: UUID, token_digest: bytes) -> SessionOwner | None:
    """Return the session with this token digest; None if there is none or it was ended.

    It may have expired: the caller checks that.
    """
    values = {"given_account_id": account_id, "given_token_digest": token_digest}
    row = await _BY_DIGEST.row(tx, values)
    if row is None:
        return None
    return SessionOwner(_session(row), *owner_of(row, len(_COLUMNS)))


async def touch(tx: AsyncConnection, account_id: UUID, session_id: UUID, *, now: datetime) -> None:
    """Set `last_seen_at`, unless the stored value is later."""
    await tx.execute(
        update(sessions)
        .where(sessions.c.account_id == account_id, sessions.c.id == session_id, sessions.c.last_seen_at < now)
        .values(last_seen_at=now)
    )


async def note_proof(
    tx: AsyncConnection, account_id: UUID, session_id: UUID, *, amr: tuple[str, ...], **proven_at: datetime
) -> Session | None:
    """Store a proven factor and reset the session's failed step-ups; None if the session ended.

    `proven_at` is `first_factor_at` or `second_factor_at`.
    """
    query = (
        update(sessions)
        .where(sessions.c.account_id == account_id, sessions.c.id == session_id)
        .values(amr=list(amr), step_up_failures=0, **proven_at)
        .returning(*_COLUMNS)
    )
    row = (await tx.execute(query)).one_or_none()
    return _session(row) if row else None


async def list_sessions(
    tx: AsyncConnection,
    account_id: UUID,
    user_id: UUID,
    *,
    lifetime: Timeouts,
    now: datetime,
    before: UUID | None,
    limit: int,
) -> list[Session]:
    """Return the user's active sessions, newest first, with ids below `before`."""
    query = (
        select(*_COLUMNS)
        .join_from(
            sessions, users, (users.c.account_id == sessions.c.account_id) & (users.c.id == sessions.c.user_id)
        )
        .join(security_policies, security_policies.c.account_id == sessions.c.account_id)
        .where(
            sessions.c.account_id == account_id,
            sessions.c.user_id == user_id,
            sessions.c.last_seen_at > now - lifetime.idle,
            sessions.c.created_at > now - lifetime.overall,
            ~_has_ended(),
        )
        .order_by(sessions.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(sessions.c.id < before)
    return [_session(row) for row in await tx.execute(query)]


async def delete_session(tx: AsyncConnection, account_id: UUID, user_id: UUID, session_id: UUID) -> bool:
    """Delete one session of the user; False if there is none with this id."""
    query = (
        delete(sessions)
        .where(sessions.c.account_id == account_id, sessions.c.user_id == user_id, sessions.c.id == session_id)
        .returning(sessions.c.id)
    )
    return await tx.scalar(query) is not None


async def delete_sessions(
    tx: AsyncConnection,
    account_id: UUID,
    user_id: UUID,
    *,
    except_session_id: UUID | None = None,
    method: str | None = None,
) -> int:
    """Delete the user's sessions except `except_session_id`, and return how many there were.

    With a `method`, only sessions whose `amr` contains it.
    """
    query = delete(sessions).where(sessions.c.account_id == account_id, sessions.c.user_id == user_id)
    if except_session_id is not None:
        query = query.where(sessions.c.id != except_session_id)
    if method is not None:
        query = query.where(literal(method) == any_(sessions.c.amr))
    return (await tx.execute(query)).rowcount
