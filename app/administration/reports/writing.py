"""Writing a report: `COPY` the rows out of Postgres, store the text in compressed chunks."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.users.rules import UserKind
from app.administration.reports import repository
from app.administration.reports.csv_text import CHUNK_BYTES, RowEnds, compress
from app.administration.reports.rules import Report
from app.administration.reports.status_query import QUOTED, status_query
from app.core.callers import TEAM, Role
from app.database.engine import driver
from app.database.long import begin_long
from app.database.tables import users

_MAX_BY_ID = 1000


class _Chunks:
    """Buffers the text and stores full chunks while more text arrives.

    At most three chunks are in memory.
    """

    def __init__(self, tx: AsyncConnection, account_id: UUID, report_id: UUID) -> None:
        self._tx = tx
        self._ids = account_id, report_id
        self._row_ends = RowEnds()
        self._text = bytearray()
        self._storing: asyncio.Task[None] | None = None
        self._number = 0
        self.size = 0

    async def take(self, text: bytes) -> None:
        """Append the next part of the text."""
        self._text += text
        if len(self._text) >= CHUNK_BYTES:
            await self._store()

    async def finish(self) -> None:
        """Store the rest of the text."""
        await self._store()
        await self._stored()

    async def stop(self) -> None:
        """Cancel the chunk being stored; the transaction will be rolled back."""
        if self._storing is not None:
            self._storing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._storing

    async def _store(self) -> None:
        text = bytes(self._text)
        self._text.clear()
        await self._stored()
        self._storing = asyncio.create_task(self._store_chunk(text))

    async def _stored(self) -> None:
        if self._storing is not None:
            await self._storing

    async def _store_chunk(self, text: bytes) -> None:
        data, size = await asyncio.to_thread(self._prepare, text)
        await repository.add_chunk(self._tx, *self._ids, self._number, data)
        self._number += 1
        self.size += size

    def _prepare(self, text: bytes) -> tuple[bytes, int]:
        converted = self._row_ends.convert(text)
        return compress(converted), len(converted)


async def write_csv(
    tx: AsyncConnection, url: str, account_id: UUID, report: Report, now: datetime
) -> tuple[int, int]:
    """Store the report's chunks in the transaction; return the number of users and of bytes.

    The rows are read over a second connection, from one snapshot of the database. Only devices that are trusted at
    `now` count.
    """
    chunks = _Chunks(tx, account_id, report.id)
    try:
        async with begin_long(url, isolation="REPEATABLE READ") as reading:
            query, arguments = await _query_and_arguments(reading, account_id, report, now)
            done: str = await driver(reading).copy_from_query(
                query,
                *arguments,
                output=chunks.take,
                format="csv",
                header=True,
                force_quote=QUOTED,
                encoding="utf-8",
            )
        await chunks.finish()
    except BaseException:
        await chunks.stop()
        raise
    return int(done.removeprefix("COPY ")), chunks.size


async def _query_and_arguments(
    reading: AsyncConnection, account_id: UUID, report: Report, now: datetime
) -> tuple[str, list[Any]]:
    """Return the query and its arguments; make sure that Postgres plans it in linear time."""
    policy = await accounts.get_policy(reading, account_id)
    roles = [role.value for role in Role if report.include_end_users or role in TEAM]
    required = [role for role in roles if policy.requires_two_factor_of(Role(role))]
    arguments = [account_id, roles, required, policy.trusted_device_days, now]
    found = select(users.c.id).where(
        users.c.account_id == account_id, users.c.role.in_(roles), users.c.kind == UserKind.PERSON
    )
    few = list(await reading.scalars(found.limit(_MAX_BY_ID + 1)))
    if len(few) <= _MAX_BY_ID:
        return status_query(by_user_ids=True), [*arguments, few]
    # With stale statistics Postgres underestimates the rows and picks nested loops (quadratic time).
    await reading.execute(text("SET LOCAL enable_nestloop = off"))
    return status_query(by_user_ids=False), arguments
