"""The sessions in the database."""

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
from app.sessions.rules import Lifetime, Session

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
    """Return whether a change of the policy has ended the session, in a query of sessions, users and policies.

    It ended the sessions of users of a role who must enroll, but those made by a third party. A job deletes them.
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
    """Return whether a session was made by a third-party sign-in."""
    return literal(SSO) == any_(sessions.c.amr)


_BY_DIGEST = PrecompiledStatement(credential_with_owner_sql(sessions, _COLUMNS).where(~_has_ended()))


def _session(values: Sequence[Any]) -> Session:
    id_, user_id, amr, *rest = values[: len(_COLUMNS)]
    return Session(id_, user_id, tuple(amr), *rest)


@dataclass(frozen=True)
class SessionOwner:
    """A session with all that is decided by: its user, the account's policy, and whether they have 2FA."""

    session: Session
    user: User
    policy: SecurityPolicy
    has_authenticator: bool


async def find_by_digest(tx: AsyncConnection, account_id: UUID, token_digest: bytes) -> SessionOwner | None:
    """Return the session of this account whose token has the digest, unless it was ended; its time may be over."""
    values = {"given_account_id": account_id, "given_token_digest": token_digest}
    row = await _BY_DIGEST.row(tx, values)
    if row is None:
        return None
    return SessionOwner(_session(row), *owner_of(row, len(_COLUMNS)))


async def note_use(tx: AsyncConnection, account_id: UUID, session_id: UUID, *, now: datetime) -> None:
    """Remember that the session is in use; never moves backwards."""
    await tx.execute(
        update(sessions)
        .where(sessions.c.account_id == account_id, sessions.c.id == session_id, sessions.c.last_seen_at < now)
        .values(last_seen_at=now)
    )


async def note_proof(
    tx: AsyncConnection, account_id: UUID, session_id: UUID, *, amr: tuple[str, ...], **proven_at: datetime
) -> Session | None:
    """Store what was proven in the session just now, and forget its failed step-ups; None when it has ended."""
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
    lifetime: Lifetime,
    now: datetime,
    before: UUID | None,
    limit: int,
) -> list[Session]:
    """Return the user's living sessions, newest first, from behind the id `before`."""
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
    """End one session of the user; False when there is none with this id."""
    query = (
        delete(sessions)
        .where(sessions.c.account_id == account_id, sessions.c.user_id == user_id, sessions.c.id == session_id)
        .returning(sessions.c.id)
    )
    return await tx.scalar(query) is not None


async def delete_sessions(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, *, spared: UUID | None = None, method: str | None = None
) -> int:
    """End the user's sessions but the spared one, of one `method` or of any; returns how many there were."""
    query = delete(sessions).where(sessions.c.account_id == account_id, sessions.c.user_id == user_id)
    if spared is not None:
        query = query.where(sessions.c.id != spared)
    if method is not None:
        query = query.where(literal(method) == any_(sessions.c.amr))
    return (await tx.execute(query)).rowcount
