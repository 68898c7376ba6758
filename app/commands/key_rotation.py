"""`passgate rotate-keys`: what older keys sealed is sealed anew by the first key, beside the running service.

So is what the first key sealed in an older version of the format, which does not bind it to its user.

What it has done is committed a batch at a time, so it may be killed and run again. It waits for nobody: a row that
somebody holds is left for its next round. It is done when a whole round found nothing left to do.
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
    """What became of one sealed column: how many values were sealed anew, which are broken, how many were held."""

    column: str
    renewed: int = 0
    broken: set[UUID] = field(default_factory=set)
    busy: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every value of the column is sealed by the first key, and bound to its user."""
        return not (self.broken or self.busy)

    def describe(self) -> str:
        """Return one line for whoever runs the command."""
        line = f"{self.column}: sealed {self.renewed} anew"
        line += (
            f"; {len(self.broken)} open by no key and were left as they are (see the log)" if self.broken else ""
        )
        return line + (f"; {self.busy} are held by somebody: run this again" if self.busy else "")


async def rotate_keys(services: Services) -> list[Rotation]:
    """Seal everything anew that the first key has not sealed, or in an older version.

    What no key opens stays as it is, and is logged.

    The signing keys come last: while an older key is needed for anything, a start without it fails by them.
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
    """Walk through the table once by its primary key, a batch at a time."""
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
    """Return the query for the sealed values, each after its account, its id, and the user it is bound to."""
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
    """Seal those of the rows anew that nobody holds and that are as stale as they were."""
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
    if not _is_stale(sealer, column, row):  # any more
        return None
    (account_id, row_id, _, sealed), place = row, _place(column, row)
    try:
        new = sealer.seal(sealer.open(sealed, place), place)
    except SealBroken as error:
        rotation.broken.add(row_id)
        log.error("sealed value does not open", column=rotation.column, row=str(row_id), reason=str(error))  # noqa: TRY400 -- the reason says it all
        return None
    return {"of_account": account_id, "of_row": row_id, "old": sealed, "new": new}
