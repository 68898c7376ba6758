"""The links in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.rules import UserKind
from app.credentials.links.rules import Link, Pending, Purpose
from app.database.base import is_any_of
from app.database.tables import links, users

_COLUMNS = [
    links.c.id,
    links.c.user_id,
    links.c.purpose,
    links.c.email,
    links.c.expires_at,
    links.c.token_digest,
    links.c.sealed_token,
    links.c.used_at,
    links.c.requested_by,
]


def _link(row: Any) -> Link | None:
    return Link(row.id, row.user_id, Purpose(row.purpose), *row[3:]) if row else None


async def list_pending(
    tx: AsyncConnection, account_id: UUID, user_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, Pending]:
    """Return what each of these users has yet to do by a link; users who do not exist are left out.

    A user is invited until they have a password or have signed in, also after the invitation has expired.
    """
    of_user = (links.c.account_id == users.c.account_id) & (links.c.user_id == users.c.id)
    is_open = (links.c.purpose == Purpose.EMAIL.value) & links.c.used_at.is_(None) & (links.c.expires_at > now)
    is_new = users.c.password_hash.is_(None) & users.c.last_sign_in_at.is_(None)
    invited = is_new & (users.c.kind == UserKind.PERSON)
    query = (
        select(users.c.id, links.c.email, invited)
        .outerjoin_from(users, links, of_user & is_open)
        .where(users.c.account_id == account_id, is_any_of([users.c.id], [(id_,) for id_ in user_ids]))
    )
    return {id_: Pending(email, invited) for id_, email, invited in await tx.execute(query)}


async def add_link(tx: AsyncConnection, account_id: UUID, link: Link, *, now: datetime) -> None:
    """Store a link without a token; delete older unused ones of the user with the same purpose."""
    await tx.execute(
        delete(links).where(
            links.c.account_id == account_id,
            links.c.user_id == link.user_id,
            links.c.purpose == link.purpose.value,
            links.c.used_at.is_(None),
        )
    )
    await tx.execute(
        insert(links).values(
            account_id=account_id,
            id=link.id,
            user_id=link.user_id,
            purpose=link.purpose.value,
            email=link.email,
            requested_by=link.requested_by,
            created_at=now,
            expires_at=link.expires_at,
        )
    )


async def lock_link(tx: AsyncConnection, account_id: UUID, link_id: UUID) -> Link | None:
    """Return the link, locked until the transaction ends."""
    query = select(*_COLUMNS).where(links.c.account_id == account_id, links.c.id == link_id).with_for_update()
    return _link((await tx.execute(query)).one_or_none())


async def find_by_digest(tx: AsyncConnection, account_id: UUID, token_digest: bytes) -> Link | None:
    """Return the link whose token has the digest, used or not."""
    query = select(*_COLUMNS).where(links.c.account_id == account_id, links.c.token_digest == token_digest)
    return _link((await tx.execute(query)).one_or_none())


async def set_token(
    tx: AsyncConnection, account_id: UUID, link_id: UUID, *, token_digest: bytes, sealed_token: bytes | None
) -> None:
    """Store the link's token: its digest, and until it is sent also the encrypted token."""
    await tx.execute(
        update(links)
        .where(links.c.account_id == account_id, links.c.id == link_id)
        .values(token_digest=token_digest, sealed_token=sealed_token)
    )


async def forget_token(tx: AsyncConnection, account_id: UUID, link_id: UUID) -> None:
    """Delete the encrypted token after it was sent, and keep only its digest."""
    await tx.execute(
        update(links).where(links.c.account_id == account_id, links.c.id == link_id).values(sealed_token=None)
    )


async def use_link(tx: AsyncConnection, account_id: UUID, link_id: UUID, *, now: datetime) -> bool:
    """Mark the link as used; False if it was already used or voided."""
    query = (
        update(links)
        .where(links.c.account_id == account_id, links.c.id == link_id, links.c.used_at.is_(None))
        .values(used_at=now, sealed_token=None)
        .returning(links.c.id)
    )
    return await tx.scalar(query) is not None


async def void_links(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> None:
    """Void all unused links of the user."""
    await _void(tx, account_id, links.c.user_id == user_id)


async def void_links_requested_by(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> None:
    """Void the pending e-mail changes that the user requested, for whichever user."""
    await _void(tx, account_id, links.c.requested_by == user_id)


async def void_email_changes(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> set[UUID]:
    """Void the user's pending e-mail change and the link that stops it; return their ids."""
    purposes = [Purpose.EMAIL.value, Purpose.EMAIL_STOP.value]
    return await _void(tx, account_id, links.c.user_id == user_id, links.c.purpose.in_(purposes))


async def _void(tx: AsyncConnection, account_id: UUID, *conditions: ColumnElement[bool]) -> set[UUID]:
    """Delete unused links, locked in the order of their ids to prevent deadlocks.

    The links may belong to several users, whose states are not all locked.
    """
    mine = (links.c.account_id == account_id, links.c.used_at.is_(None))
    ordered = select(links.c.id).where(*mine, *conditions).order_by(links.c.id).with_for_update()
    gone = delete(links).where(*mine, links.c.id.in_(ordered)).returning(links.c.id)
    return set(await tx.scalars(gone))
