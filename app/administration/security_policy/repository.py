"""Who a requirement touches, asked of the database."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, any_, delete, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.rules import SecurityPolicy
from app.accounts.users.rules import ACTIVE
from app.core.assurance import SSO
from app.core.callers import TEAM, Role
from app.database.tables import authenticators, second_factor_state, sessions, users

_IS_TEAM_MEMBER = users.c.role.in_([role.value for role in TEAM])


def _has_authenticator() -> ColumnElement[bool]:
    return exists().where(
        authenticators.c.account_id == users.c.account_id, authenticators.c.user_id == users.c.id
    )


@dataclass(frozen=True)
class Headcount:
    """How many active users a group has, and how many of them no confirmed authenticator."""

    total: int
    without_two_factor: int


async def count_active_users(tx: AsyncConnection, account_id: UUID) -> tuple[Headcount, Headcount]:
    """Return the headcounts of the team members and of the end users."""
    without = ~_has_authenticator()
    query = select(
        func.count().filter(_IS_TEAM_MEMBER),
        func.count().filter(_IS_TEAM_MEMBER, without),
        func.count().filter(~_IS_TEAM_MEMBER),
        func.count().filter(~_IS_TEAM_MEMBER, without),
    ).where(users.c.account_id == account_id, users.c.status == ACTIVE)
    row = (await tx.execute(query)).one()
    return Headcount(row[0], row[1]), Headcount(row[2], row[3])


async def count_password_access_users(tx: AsyncConnection, account_id: UUID) -> int:
    """Return how many active users could use their password at the API, were it on: those without 2FA on."""
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


async def end_sessions_of_those_who_must_enroll(
    tx: AsyncConnection, account_id: UUID, policy: SecurityPolicy, *, spared: UUID
) -> dict[UUID, int]:
    """End the sessions of users who must enroll under `policy`, but those made by a third party.

    Returns how many of each user's.
    """
    roles = [role.value for role in Role if policy.requires_two_factor_of(role)]
    must_enroll = select(users.c.id).where(
        users.c.account_id == account_id, users.c.role.in_(roles), ~_has_authenticator()
    )
    by_third_party = literal(SSO) == any_(sessions.c.amr)
    query = (
        delete(sessions)
        .where(
            sessions.c.account_id == account_id,
            sessions.c.user_id.in_(must_enroll),
            sessions.c.id != spared,
            ~by_third_party,
        )
        .returning(sessions.c.user_id)
    )
    ended: dict[UUID, int] = {}
    for user_id in await tx.scalars(query):
        ended[user_id] = ended.get(user_id, 0) + 1
    return ended
