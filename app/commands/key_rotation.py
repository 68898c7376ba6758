"""`passgate rotate-keys`: re-encrypt secrets with the first key, while the service runs.

This also converts secrets of the first key in the older format version, which does not bind them to their user.

Each batch is committed, so the command can be killed and run again. It never waits for a lock: a locked row is
left for the next round. It ends after a round that found nothing to do.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Column, Select, bindparam, literal, null, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.crypto.sealing import AssociatedData, SealBroken, Sealer
from app.database.base import is_any_of, sealed_columns
from app.database.tables import signing_keys
from app.services import Services

BATCH = 200
BUSY_ROUNDS = 10
BUSY_SECONDS = 0.5

log = structlog.get_logger()


@dataclass
class Rotation:
    """The result for one sealed column: values re-encrypted, ids of broken ones, rows locked."""

    column: str
    renewed: int = 0
    broken: set[UUID] = field(default_factory=set)
    busy: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the first key sealed every value of the column, in the current format."""
        return not (self.broken or self.busy)

    def describe(self) -> str:
        """Return one line for the operator."""
        line = f"{self.column}: re-encrypted {self.renewed}"
        line += f"; {len(self.broken)} cannot be decrypted and stay unchanged (see the log)" if self.broken else ""
        return line + (f"; {self.busy} are locked: run this again" if self.busy else "")


async def rotate_keys(services: Services) -> list[Rotation]:
    """Re-encrypt every secret that is not sealed by the first key in the current format.

    A secret that no key can decrypt stays unchanged and is logged.

    The signing keys come last. A start without their key fails, so an older key that is still needed for anything
    cannot be removed unnoticed.
    """
    columns = sorted(sealed_columns(), key=lambda column: column.table is signing_keys)
    return [await _rotate_column(services, column) for column in columns]


async def _rotate_column(services: Services, column: Column[bytes]) -> Rotation:
    rotation = Rotation(f"{column.table.name}.{column.name}")
    for _ in range(BUSY_ROUNDS):
        renewed_before, rotation.busy = rotation.renewed, 0
        await _go_round(services, column, rotation)
        if rotation.busy:
            await asyncio.sleep(BUSY_SECONDS)
        elif rotation.renewed == renewed_before:
            break
    return rotation


async def _go_round(services: Services, column: Column[bytes], rotation: Rotation) -> None:
    """Process the table once in the order of its primary key, one batch at a time."""
    key = (column.table.c.account_id, column.table.c.id)
    query = _select_sealed(column).order_by(*key).limit(BATCH)
    after: Sequence[Any] | None = None
    while True:
        async with services.database.read() as tx:
            page = query if after is None else query.where(tuple_(*key) > tuple_(*map(literal, after)))
            rows = (await tx.execute(page)).all()
        if not rows:
            return
        after = rows[-1][:2]
        stale = [
            row[:2] for row in rows if row[1] not in rotation.broken and _is_stale(services.sealer, column, row)
        ]
        if stale:
            async with services.database.begin() as tx:
                await _renew(tx, services.sealer, column, stale, rotation)


def _select_sealed(column: Column[bytes]) -> Select[Any]:
    """Return a query of account id, row id, user id (or null) and sealed value."""
    table, user = column.table.c, column.info["user"]
    return select(table.account_id, table.id, table[user] if user else null(), column)


def _place(column: Column[bytes], row: Sequence[Any]) -> AssociatedData:
    account_id, row_id, user_id, _ = row
    return AssociatedData(column.table.name, column.name, account_id, row_id, user_id)


def _is_stale(sealer: Sealer, column: Column[bytes], row: Sequence[Any]) -> bool:
    sealed = row[3]
    try:
        return sealed is not None and not sealer.is_current(sealed, _place(column, row))
    except SealBroken:
        return True


async def _renew(
    tx: AsyncConnection, sealer: Sealer, column: Column[bytes], stale: Sequence[Any], rotation: Rotation
) -> None:
    """Re-encrypt those of the rows that are not locked and still need it."""
    key = (column.table.c.account_id, column.table.c.id)
    query = _select_sealed(column).where(is_any_of(key, stale)).with_for_update(skip_locked=True, key_share=True)
    rows = (await tx.execute(query)).all()
    rotation.busy += len(stale) - len(rows)
    renewed = [values for row in rows if (values := _resealed(sealer, column, row, rotation))]
    if renewed:
        guard = (key[0] == bindparam("of_account"), key[1] == bindparam("of_row"), column == bindparam("old"))
        await tx.execute(update(column.table).where(*guard).values({column: bindparam("new")}), renewed)
        rotation.renewed += len(renewed)


def _resealed(
    sealer: Sealer, column: Column[bytes], row: Sequence[Any], rotation: Rotation
) -> dict[str, Any] | None:
    if not _is_stale(sealer, column, row):  # it was updated meanwhile
        return None
    (account_id, row_id, _, sealed), place = row, _place(column, row)
    try:
        new = sealer.seal(sealer.open(sealed, place), place)
    except SealBroken as error:
        rotation.broken.add(row_id)
        log.error("sealed value does not open", column=rotation.column, row=str(row_id), reason=str(error))  # noqa: TRY400 -- the reason says it all
        return None
    return {"of_account": account_id, "of_row": row_id, "old": sealed, "new": new}
