"""SQL for stored answers."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import api_tokens, sessions, stored_answers

_t = stored_answers.c


@dataclass(frozen=True)
class SealedAnswer:
    """A row; exactly one of `session_id` and `api_token_id` is set."""

    id: UUID
    user_id: UUID
    session_id: UUID | None
    api_token_id: UUID | None
    key_digest: bytes
    sealed_answer: bytes
    expires_at: datetime


async def try_lock(tx: AsyncConnection, key_digest: bytes) -> bool:
    """Take the advisory lock on a key until the transaction ends; False if another one has it."""
    key = int.from_bytes(key_digest[:8], signed=True)
    return bool(await tx.scalar(select(func.pg_try_advisory_xact_lock(key))))


def _of_key(account_id: UUID, key_digest: bytes) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _t.account_id == account_id, _t.key_digest == key_digest


async def find_answer(tx: AsyncConnection, account_id: UUID, key_digest: bytes) -> SealedAnswer | None:
    """Return the row of this key, expired or not."""
    query = select(
        _t.id, _t.user_id, _t.session_id, _t.api_token_id, _t.key_digest, _t.sealed_answer, _t.expires_at
    ).where(*_of_key(account_id, key_digest))
    row = (await tx.execute(query)).one_or_none()
    return SealedAnswer(*row) if row else None


async def add_answer(tx: AsyncConnection, account_id: UUID, answer: SealedAnswer) -> None:
    """Store an answer in place of an expired one of the same key.

    It stores nothing if the session or API token has ended meanwhile: nobody could read the answer back.
    """
    await tx.execute(delete(stored_answers).where(*_of_key(account_id, answer.key_digest)))
    table, id_ = (sessions, answer.session_id) if answer.session_id else (api_tokens, answer.api_token_id)
    values = {"account_id": account_id, **vars(answer)}
    row = [literal(value, _t[name].type).label(name) for name, value in values.items()]
    there = select(*row).where(table.c.account_id == account_id, table.c.id == id_)
    there = there.with_for_update(read=True, key_share=True, of=table)
    await tx.execute(insert(stored_answers).from_select(list(values), there))


async def replace_sealed(tx: AsyncConnection, account_id: UUID, answer_id: UUID, sealed_answer: bytes) -> None:
    """Replace the sealed value of a row."""
    query = update(stored_answers).where(_t.account_id == account_id, _t.id == answer_id)
    await tx.execute(query.values(sealed_answer=sealed_answer))
