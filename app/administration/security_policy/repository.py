"""Counting the users whom a requirement affects, and ending their sessions."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Text,
    Update,
    any_,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.rules import SecurityPolicy
from app.accounts.users.credential_owners import has_authenticator, signs_in_by_third_party_only
from app.accounts.users.rules import ACTIVE, UserKind
from app.core.callers import TEAM, Role
from app.database.base import param
from app.database.statements import PrecompiledStatement
from app.database.tables import second_factor_state, security_policies, sessions, users
from app.sessions.repository import made_by_third_party

_IS_TEAM_MEMBER = users.c.role.in_([role.value for role in TEAM])


@dataclass(frozen=True)
class Headcount:
    """The active people of a group, and those of them without a confirmed authenticator.

    `without_two_factor` would have to enroll; `not_applicable` sign in by a third party alone, and would not.
    """

    total: int
    without_two_factor: int
    not_applicable: int


async def count_active_users(tx: AsyncConnection, account_id: UUID) -> tuple[Headcount, Headcount]:
    """Return the headcounts of the team members and of the end users."""
    without, third_party_only = ~has_authenticator(), signs_in_by_third_party_only()
    counts = (
        (group, group & without & ~third_party_only, group & without & third_party_only)
        for group in (_IS_TEAM_MEMBER, ~_IS_TEAM_MEMBER)
    )
    query = select(*(func.count().filter(condition) for group in counts for condition in group)).where(
        users.c.account_id == account_id, users.c.status == ACTIVE, users.c.kind == UserKind.PERSON
    )
    row = (await tx.execute(query)).one()
    return Headcount(row[0], row[1], row[2]), Headcount(row[3], row[4], row[5])


async def count_password_access_users(tx: AsyncConnection, account_id: UUID) -> int:
    """Return how many active users could use their password at the API if the policy allowed it.

    These are the users with a password who have not turned on 2FA.
    """
    turned_on = exists().where(
        second_factor_state.c.account_id == users.c.account_id,
        second_factor_state.c.user_id == users.c.id,
        second_factor_state.c.turned_on_by_user,
    )
    query = (
        select(func.count())
        .select_from(users)
        .where(
            users.c.account_id == account_id,
            users.c.status == ACTIVE,
            users.c.password_hash.is_not(None),
            ~turned_on,
        )
    )
    return await tx.scalar(query) or 0


async def mark_sessions_ended(
    tx: AsyncConnection, account_id: UUID, policy: SecurityPolicy, *, kept: UUID
) -> UUID | None:
    """End the sessions of users who must enroll under `policy`, by one update of the policy.

    Sessions made by a third-party sign-in and the session `kept` stay. The update stores the id of the account's
    newest session. The caller must have locked the policy exclusively, so every session to end has this id or a
    smaller one. Returns the id, for the job that deletes them; None if no role must enroll or there is no session.
    """
    newest = (
        select(sessions.c.id)
        .where(sessions.c.account_id == account_id)
        .order_by(sessions.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    ended: dict[Any, Any] = {}
    if policy.require_team_members:
        ended |= {security_policies.c.team_sessions_ended_through: newest}
        ended |= {security_policies.c.team_session_kept: kept}
    if policy.require_end_users:
        ended |= {security_policies.c.end_user_sessions_ended_through: newest}
    if not ended:
        return None
    query = update(security_policies).where(security_policies.c.account_id == account_id).values(ended)
    through: UUID = (await tx.execute(query.returning(newest))).scalar_one()
    return through


@dataclass(frozen=True)
class EndedSessions:
    """Ended sessions: of users with these roles, with ids up to `through`, except `kept`."""

    account_id: UUID
    roles: list[str]
    through: UUID
    kept: UUID


_MINE = sessions.c.account_id == param(sessions.c.account_id)
_BATCH = (
    select(sessions.c.user_id)
    .distinct()
    .where(_MINE, sessions.c.user_id > param(sessions.c.user_id, "after"))
    .order_by(sessions.c.user_id)
    .limit(bindparam("limit", type_=Integer))
    .cte("batch")
)
_ENDED = (
    select(sessions.c.id, sessions.c.user_id)
    .join_from(sessions, _BATCH, _BATCH.c.user_id == sessions.c.user_id)
    .join(users, (users.c.account_id == sessions.c.account_id) & (users.c.id == sessions.c.user_id))
    .where(
        _MINE,
        users.c.role == any_(bindparam("roles", type_=ARRAY(Text))),
        sessions.c.id <= param(sessions.c.id, "through"),
        sessions.c.id != param(sessions.c.id, "kept"),
        ~made_by_third_party(),
        ~has_authenticator(),
    )
    .cte("ended")
)
_FREE = (
    select(sessions.c.id)
    .join_from(sessions, _ENDED, _ENDED.c.id == sessions.c.id)
    .where(_MINE)
    .with_for_update(of=sessions, skip_locked=True)
    .cte("free")
)
_DELETED = delete(sessions).where(_MINE, sessions.c.id == _FREE.c.id).returning(sessions.c.id).cte("deleted")
_DELETE_BATCH = PrecompiledStatement(
    select(_BATCH.c.user_id, func.count(_DELETED.c.id), func.count(_ENDED.c.id) - func.count(_DELETED.c.id))
    .join_from(_BATCH, _ENDED, _ENDED.c.user_id == _BATCH.c.user_id, isouter=True)
    .join(_DELETED, _DELETED.c.id == _ENDED.c.id, isouter=True)
    .group_by(_BATCH.c.user_id)
    .order_by(_BATCH.c.user_id)
)


@dataclass(frozen=True)
class DeletedSessions:
    """How many ended sessions of a user were deleted, and how many another transaction locked."""

    user_id: UUID
    deleted: int
    left: int


async def delete_ended_sessions(
    tx: AsyncConnection, ended: EndedSessions, *, after: UUID, limit: int
) -> list[DeletedSessions]:
    """Delete the ended sessions of the next `limit` users, those with ids above `after`.

    `limit` counts users who have any session; all of these are returned. Sessions that another transaction has
    locked are skipped.
    """
    values = {
        "given_account_id": ended.account_id,
        "roles": ended.roles,
        "through": ended.through,
        "kept": ended.kept,
        "after": after,
        "limit": limit,
    }
    return [DeletedSessions(*row) for row in await _DELETE_BATCH.rows(tx, values)]


async def clear_ended_marks(tx: AsyncConnection, ended: EndedSessions) -> None:
    """Set the policy's `..._ended_through` columns to NULL once these sessions are deleted.

    Columns that a later change has set stay. A later change may have stored the same id for other roles, or with
    another session kept.
    """
    table = security_policies.c
    team = (table.team_sessions_ended_through == ended.through, table.team_session_kept == ended.kept)
    if set(ended.roles) & {role.value for role in TEAM}:
        await tx.execute(_policy_of(ended).where(*team).values(team_sessions_ended_through=None))
    if Role.END_USER in ended.roles:
        mine = table.end_user_sessions_ended_through == ended.through
        await tx.execute(_policy_of(ended).where(mine).values(end_user_sessions_ended_through=None))


def _policy_of(ended: EndedSessions) -> Update:
    return update(security_policies).where(security_policies.c.account_id == ended.account_id)
