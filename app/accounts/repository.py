"""The accounts and their security policies in the database."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, bindparam, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.rules import SecurityPolicy
from app.database.base import param
from app.database.statements import PrecompiledStatement
from app.database.tables import accounts, security_policies

_POLICY_NAMES = [field.name for field in fields(SecurityPolicy)]
POLICY_COLUMNS = [security_policies.c[name] for name in _POLICY_NAMES]


@dataclass(frozen=True)
class Account:
    """A tenant."""

    id: UUID
    slug: str
    name: str
    test: bool = False
    """A test account, for ever: its marked users have the test passcode."""


_POLICY = PrecompiledStatement(
    select(*POLICY_COLUMNS).where(security_policies.c.account_id == param(security_policies.c.account_id))
)


def policy_of(row: Sequence[Any]) -> SecurityPolicy:
    """Return the policy in a row that begins with `POLICY_COLUMNS`."""
    values = dict(zip(_POLICY_NAMES, row, strict=False))
    values["team_member_kinds"] = tuple(values["team_member_kinds"])
    values["end_user_kinds"] = tuple(values["end_user_kinds"])
    return SecurityPolicy(**values)


def _account(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(row.id, row.slug, row.name, row.test)


async def find_account(tx: AsyncConnection, slug: str) -> Account | None:
    """Return the account with this slug."""
    row = (await tx.execute(select(accounts).where(accounts.c.slug == slug))).one_or_none()
    return _account(row) if row else None


async def get_account(tx: AsyncConnection, account_id: UUID) -> Account:
    """Return the account with this id; it must exist."""
    row = (await tx.execute(select(accounts).where(accounts.c.id == account_id))).one()
    return _account(row)


async def list_accounts(tx: AsyncConnection, *, after: str, limit: int) -> list[Account]:
    """Return the accounts in the order of their slugs, those after `after` alone."""
    query = select(accounts).where(accounts.c.slug > after).order_by(accounts.c.slug).limit(limit)
    return [Account(row.id, row.slug, row.name) for row in await tx.execute(query)]


async def lock_account(tx: AsyncConnection, slug: str) -> Account | None:
    """Return the account with this slug, locked against other changes until the transaction ends."""
    query = select(accounts).where(accounts.c.slug == slug).with_for_update(key_share=True)
    row = (await tx.execute(query)).one_or_none()
    return Account(row.id, row.slug, row.name) if row else None


async def store_name(tx: AsyncConnection, account_id: UUID, name: str) -> None:
    """Store the account's name."""
    await tx.execute(update(accounts).where(accounts.c.id == account_id).values(name=name))


async def any_account(tx: AsyncConnection) -> bool:
    """Whether there is any account at all."""
    return await tx.scalar(select(accounts.c.id).limit(1)) is not None


async def add_account(tx: AsyncConnection, account: Account, policy: SecurityPolicy) -> None:
    """Store a new account with its policy; raises `IntegrityError` if the slug is taken."""
    await tx.execute(insert(accounts).values(**vars(account), created_at=policy.updated_at))
    await tx.execute(insert(security_policies).values(account_id=account.id, **asdict(policy)))


async def get_policy(tx: AsyncConnection, account_id: UUID) -> SecurityPolicy:
    """Return the account's current policy."""
    [policy] = await _POLICY.rows(tx, {"given_account_id": account_id})
    return policy_of(policy)


_LOCK_POLICY_SHARED = PrecompiledStatement(
    select(func.pg_advisory_xact_lock_shared(bindparam("key", type_=BigInteger)))
)


def _lock_key(account_id: UUID) -> int:
    return int.from_bytes(account_id.bytes[-8:], signed=True)


async def lock_policy_shared(tx: AsyncConnection, account_id: UUID) -> None:
    """Take the shared advisory lock on the account's policy until this transaction ends.

    While it is held, the policy cannot change; other transactions can take the shared lock too. It is an advisory
    lock because Postgres would write a share lock into the policy's row at every sign-in.
    """
    await _LOCK_POLICY_SHARED.rows(tx, {"key": _lock_key(account_id)})


async def lock_policy_exclusive(tx: AsyncConnection, account_id: UUID) -> SecurityPolicy:
    """Take the exclusive advisory lock on the account's policy, and return the policy.

    Waits until no other transaction holds the lock, shared or exclusive. Holds it until this transaction ends.
    """
    await tx.execute(select(func.pg_advisory_xact_lock(literal(_lock_key(account_id), BigInteger))))
    return await get_policy(tx, account_id)


async def store_policy(tx: AsyncConnection, account_id: UUID, policy: SecurityPolicy) -> None:
    """Replace the account's policy."""
    values = asdict(policy)
    await tx.execute(
        update(security_policies).where(security_policies.c.account_id == account_id).values(**values)
    )
