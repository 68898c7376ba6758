"""Listing, changing and deleting the users of an account in the database."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.rules import SecurityPolicy
from app.accounts.users.repository import USER_COLUMNS, user_of
from app.accounts.users.rules import ACTIVE, User, UserKind, keys_to_search
from app.core.callers import Role
from app.core.one_line import with_plain_spaces
from app.database.tables import second_factor_state, users
from app.second_factor.settings.repository import has_status
from app.second_factor.settings.rules import Status


@dataclass(frozen=True)
class UserFilter:
    """Which users to list; None means any. `text` is part of a name or an e-mail address."""

    role: Role | None = None
    status: str | None = None
    two_factor: Status | None = None
    text: str | None = None
    kind: str | None = None


async def list_users(
    tx: AsyncConnection,
    account_id: UUID,
    policy: SecurityPolicy,
    wanted: UserFilter,
    *,
    before: UUID | None,
    limit: int,
) -> list[User]:
    """Return the account's users that match the filter, newest first, with ids below `before`.

    The text search ignores letter case: in e-mail addresses as `email_key` does, in names by the database's
    locale. Names are stored in NFC, so the text is compared in NFC.
    """
    query = select(*USER_COLUMNS).where(users.c.account_id == account_id).order_by(users.c.id.desc()).limit(limit)
    if wanted.role is not None:
        query = query.where(users.c.role == wanted.role.value)
    if wanted.status is not None:
        query = query.where(users.c.status == wanted.status)
    if wanted.kind is not None:
        query = query.where(users.c.kind == wanted.kind)
    if wanted.two_factor is not None:
        state_of_user = (second_factor_state.c.account_id == users.c.account_id) & (
            second_factor_state.c.user_id == users.c.id
        )
        query = query.join_from(users, second_factor_state, state_of_user)
        query = query.where(has_status(policy, wanted.two_factor), users.c.kind == UserKind.PERSON)
    if wanted.text is not None:
        in_name = users.c.name.icontains(with_plain_spaces(wanted.text), autoescape=True)
        keys = sorted(keys_to_search(wanted.text))
        in_email = or_(*(users.c.email_key.contains(key, autoescape=True) for key in keys))
        query = query.where(in_name | in_email)
    if before is not None:
        query = query.where(users.c.id < before)
    return [user_of(row) for row in await tx.execute(query)]


async def store_user(tx: AsyncConnection, account_id: UUID, user: User) -> None:
    """Store the user's name, role, status, external id and whether they have the test passcode.

    Raises `IntegrityError` if the external id or the owner role is taken.
    """
    await tx.execute(
        update(users)
        .where(users.c.account_id == account_id, users.c.id == user.id)
        .values(
            name=user.name,
            role=user.role.value,
            status=user.status,
            external_id=user.external_id,
            test_passcode=user.test_passcode,
        )
    )


async def find_owner(tx: AsyncConnection, account_id: UUID) -> UUID | None:
    """Return the id of the account's owner."""
    found: UUID | None = await tx.scalar(
        select(users.c.id).where(users.c.account_id == account_id, users.c.role == Role.OWNER.value)
    )
    return found


async def list_active_admins(tx: AsyncConnection, account_id: UUID) -> list[UUID]:
    """Return the ids of the people who are active admins, without the owner."""
    of_admins = (users.c.role == Role.ADMIN.value) & (users.c.status == ACTIVE) & (users.c.kind == UserKind.PERSON)
    return list(await tx.scalars(select(users.c.id).where(users.c.account_id == account_id, of_admins)))


async def delete_user(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> None:
    """Delete a user and, by cascade, the rows that refer to them."""
    await tx.execute(delete(users).where(users.c.account_id == account_id, users.c.id == user_id))
