"""The users of an account in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.rules import User, UserKind, email_key
from app.core.callers import Role
from app.database.base import param
from app.database.statements import PrecompiledStatement
from app.database.tables import second_factor_state, users
from app.database.tables.users import password_kind

INITIAL_SECOND_FACTOR: dict[str, Any] = {
    "version": 1,
    "failures": 0,
    "turned_on_by_user": False,
    "passcode_frequency": "every_30_days",
}
"""The `second_factor_state` of a new user."""

USER_COLUMNS = [
    users.c.id,
    users.c.email,
    users.c.name,
    users.c.role,
    users.c.status,
    users.c.external_id,
    users.c.locale,
    users.c.created_at,
    users.c.last_sign_in_at,
    users.c.kind,
    users.c.test_passcode,
]

_USER_FIELDS = [column.name for column in USER_COLUMNS]


def user_of(row: Sequence[Any]) -> User:
    """Return the user in a row that begins with `USER_COLUMNS`."""
    values = dict(zip(_USER_FIELDS, row, strict=False))
    return User(**values | {"role": Role(values["role"]), "kind": UserKind(values["kind"])})


@dataclass(frozen=True)
class PasswordUser:
    """A user with their password hash, and the `second_factor_state.version` read with it."""

    user: User
    password_hash: str | None
    version: int


_PASSWORD_USERS = (
    select(*USER_COLUMNS, users.c.password_hash, second_factor_state.c.version)
    .join_from(
        users,
        second_factor_state,
        (second_factor_state.c.account_id == users.c.account_id) & (second_factor_state.c.user_id == users.c.id),
    )
    .where(users.c.account_id == param(users.c.account_id))
)
_BY_EMAIL = PrecompiledStatement(_PASSWORD_USERS.where(users.c.email_key == param(users.c.email_key)))
_BY_ID = PrecompiledStatement(_PASSWORD_USERS.where(users.c.id == param(users.c.id)))
_BY_EXTERNAL_ID = PrecompiledStatement(_PASSWORD_USERS.where(users.c.external_id == param(users.c.external_id)))


def _next_kind(*conditions: ColumnElement[bool]) -> Any:
    kinds = select(func.min(password_kind)).where(users.c.account_id == param(users.c.account_id), *conditions)
    return kinds.scalar_subquery()


def _kinds() -> Select[tuple[str]]:
    kinds = select(_next_kind().label("kind")).cte("kinds", recursive=True)
    kinds = kinds.union_all(
        select(_next_kind(password_kind > kinds.c.kind)).where(kinds.c.kind.is_not(None))  # NULL: no kind is left
    )
    return select(kinds.c.kind).where(kinds.c.kind.is_not(None))


_KINDS = PrecompiledStatement(_kinds())


async def _find(
    tx: AsyncConnection, query: PrecompiledStatement, account_id: UUID, **values: Any
) -> PasswordUser | None:
    row = await query.row(tx, {"given_account_id": account_id, **values})
    return PasswordUser(user_of(row), row["password_hash"], row["version"]) if row else None


async def find_by_email(tx: AsyncConnection, account_id: UUID, email: str) -> PasswordUser | None:
    """Return the user whose e-mail address has the same `email_key`."""
    return await _find(tx, _BY_EMAIL, account_id, given_email_key=email_key(email))


async def find_by_id(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> PasswordUser | None:
    """Return the user with this id."""
    return await _find(tx, _BY_ID, account_id, given_id=user_id)


async def find_by_external_id(tx: AsyncConnection, account_id: UUID, external_id: str) -> PasswordUser | None:
    """Return the user with this `external_id`, the id in the customer's application."""
    return await _find(tx, _BY_EXTERNAL_ID, account_id, given_external_id=external_id)


async def list_password_kinds(tx: AsyncConnection, account_id: UUID) -> list[str]:
    """Return the distinct kinds (algorithm and cost) of the account's password hashes.

    Checking a password spends the cost of each kind. The recursive query reads one index entry per kind (a loose
    index scan), and an account has one or two kinds.
    """
    return [kind for (kind,) in await _KINDS.rows(tx, {"given_account_id": account_id})]


async def add_user(tx: AsyncConnection, account_id: UUID, user: User, password_hash: str | None) -> None:
    """Store a new user with their second-factor state.

    Raises `IntegrityError` if the e-mail address, the external id or the owner role is taken.
    """
    await tx.execute(
        insert(users).values(
            account_id=account_id,
            id=user.id,
            email=user.email,
            email_key=email_key(user.email),
            name=user.name,
            role=user.role.value,
            status=user.status,
            external_id=user.external_id,
            locale=user.locale,
            password_hash=password_hash,
            created_at=user.created_at,
            kind=user.kind.value,
            test_passcode=user.test_passcode,
        )
    )
    await tx.execute(
        insert(second_factor_state).values(
            account_id=account_id,
            user_id=user.id,
            **INITIAL_SECOND_FACTOR,
        )
    )


async def store_password_hash(tx: AsyncConnection, account_id: UUID, user_id: UUID, password_hash: str) -> None:
    """Replace the hash of the user's password."""
    await tx.execute(
        update(users)
        .where(users.c.account_id == account_id, users.c.id == user_id)
        .values(password_hash=password_hash)
    )


async def store_profile(tx: AsyncConnection, account_id: UUID, user_id: UUID, *, name: str, locale: str) -> None:
    """Replace the user's name and locale."""
    await tx.execute(
        update(users)
        .where(users.c.account_id == account_id, users.c.id == user_id)
        .values(name=name, locale=locale)
    )


async def store_email(tx: AsyncConnection, account_id: UUID, user_id: UUID, email: str) -> None:
    """Replace the user's e-mail address; raises `IntegrityError` if it is taken."""
    await tx.execute(
        update(users)
        .where(users.c.account_id == account_id, users.c.id == user_id)
        .values(email=email, email_key=email_key(email))
    )


async def lock_email_address(tx: AsyncConnection, account_id: UUID, email: str) -> None:
    """Take the advisory lock on an e-mail address until the transaction ends.

    Transactions that take it before they create a user with this address run one after the other.
    """
    key = func.hashtextextended(f"{account_id} {email_key(email)}", 0)
    await tx.execute(select(func.pg_advisory_xact_lock(key)))
