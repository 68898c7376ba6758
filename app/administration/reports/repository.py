"""The reports in the database."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.rules import ACTIVE
from app.administration.reports.rules import UNFINISHED, Report, Status, Type
from app.core.callers import ADMINS
from app.database.tables import report_chunks, reports, users

_COLUMNS = [column for column in reports.c if column.name != "account_id"]
_UNFINISHED = [status.value for status in UNFINISHED]
_LOCK = 7_237_125  # first key of the advisory lock: arbitrary, but the same in every release


def _report(row: Row[*tuple[Any, ...]] | None) -> Report | None:
    if row is None:
        return None
    values = {column.name: row._mapping[column.name] for column in _COLUMNS}  # noqa: SLF001 -- public, by SQLAlchemy's documentation
    return Report(**values | {"type": Type(values["type"]), "status": Status(values["status"])})


def _is(account_id: UUID, report_id: UUID) -> tuple[Any, Any]:
    return reports.c.account_id == account_id, reports.c.id == report_id


async def count_unfinished(tx: AsyncConnection, account_id: UUID) -> int:
    """Return the number of the account's unfinished reports, under an advisory lock.

    The lock lasts until the transaction ends, so concurrent requests count one after the other.
    """
    key = int.from_bytes(account_id.bytes[-4:], signed=True)
    await tx.execute(text("SELECT pg_advisory_xact_lock(:lock, :key)"), {"lock": _LOCK, "key": key})
    query = (
        select(func.count())
        .select_from(reports)
        .where(reports.c.account_id == account_id, reports.c.status.in_(_UNFINISHED))
    )
    return await tx.scalar(query) or 0


async def add_report(tx: AsyncConnection, account_id: UUID, report: Report) -> None:
    """Store a new report."""
    await tx.execute(
        insert(reports).values(
            account_id=account_id,
            id=report.id,
            type=report.type.value,
            include_end_users=report.include_end_users,
            status=report.status.value,
            requested_by=report.requested_by,
            created_at=report.created_at,
            notify=report.notify,
        )
    )


async def find_report(tx: AsyncConnection, account_id: UUID, report_id: UUID) -> Report | None:
    """Return the report with this id."""
    return _report((await tx.execute(select(*_COLUMNS).where(*_is(account_id, report_id)))).one_or_none())


async def find_of_active_admin(tx: AsyncConnection, account_id: UUID, report_id: UUID) -> Report | None:
    """Return the report with this id if its requester is an active owner or admin."""
    query = (
        select(*_COLUMNS)
        .join_from(
            reports,
            users,
            (users.c.account_id == reports.c.account_id) & (users.c.id == reports.c.requested_by),
        )
        .where(
            *_is(account_id, report_id),
            users.c.status == ACTIVE,
            users.c.role.in_([role.value for role in ADMINS]),
        )
    )
    return _report((await tx.execute(query)).one_or_none())


async def lock_report(
    tx: AsyncConnection, account_id: UUID, report_id: UUID, among: Collection[Status]
) -> Report | None:
    """Lock the report's row, and return the report if its status is one of `among`."""
    query = select(*_COLUMNS).where(*_is(account_id, report_id)).with_for_update(key_share=True)
    found = _report((await tx.execute(query)).one_or_none())
    return found if found and found.status in among else None


async def list_reports(tx: AsyncConnection, account_id: UUID, *, before: UUID | None, limit: int) -> list[Report]:
    """Return the account's reports, newest first, with ids below `before`."""
    query = select(*_COLUMNS).where(reports.c.account_id == account_id).order_by(reports.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(reports.c.id < before)
    return [found for row in await tx.execute(query) if (found := _report(row))]


async def change_report(tx: AsyncConnection, account_id: UUID, report_id: UUID, **values: Any) -> None:
    """Change columns of a report; this transaction must have locked it."""
    await tx.execute(update(reports).where(*_is(account_id, report_id)).values(**values))


async def add_chunk(tx: AsyncConnection, account_id: UUID, report_id: UUID, number: int, data: bytes) -> None:
    """Store one chunk of a report."""
    await tx.execute(
        insert(report_chunks).values(account_id=account_id, report_id=report_id, number=number, data=data)
    )


async def get_chunk(tx: AsyncConnection, account_id: UUID, report_id: UUID, number: int) -> bytes | None:
    """Return one chunk of a report; None after the last."""
    query = select(report_chunks.c.data).where(
        report_chunks.c.account_id == account_id,
        report_chunks.c.report_id == report_id,
        report_chunks.c.number == number,
    )
    found: bytes | None = await tx.scalar(query)
    return found


async def expire_reports(tx: AsyncConnection, before: datetime, limit: int) -> int:
    """Set ready reports of all accounts to expired if `expires_at <= before`; return how many."""
    over = [reports.c.status == Status.READY.value, reports.c.expires_at <= before]
    expired = update(reports).where(_key(reports).in_(_some(reports, over, limit)))
    return (await tx.execute(expired.values(status=Status.EXPIRED.value, sealed_token=None))).rowcount


async def give_up_reports(tx: AsyncConnection, before: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Set unfinished reports created by `before` to failed, in all accounts.

    Return the account and the id of each.
    """
    some = _some(reports, [reports.c.status.in_(_UNFINISHED), reports.c.created_at <= before], limit)
    query = (
        update(reports)
        .where(_key(reports).in_(some))
        .values(status=Status.FAILED.value)
        .returning(reports.c.account_id, reports.c.id)
    )
    return [(account_id, report_id) for account_id, report_id in await tx.execute(query)]


async def delete_chunks_of_expired(tx: AsyncConnection, limit: int) -> int:
    """Delete chunks of expired reports of all accounts; return how many."""
    expired = select(reports.c.account_id, reports.c.id).where(reports.c.status == Status.EXPIRED.value)
    theirs = [tuple_(report_chunks.c.account_id, report_chunks.c.report_id).in_(expired)]
    some = _some(report_chunks, theirs, limit)
    return (await tx.execute(delete(report_chunks).where(_key(report_chunks).in_(some)))).rowcount


async def delete_reports(tx: AsyncConnection, before: datetime, limit: int) -> int:
    """Delete expired and failed reports created by `before`, in all accounts; return how many.

    Their chunks must be deleted already.
    """
    over = [reports.c.status.in_([Status.EXPIRED.value, Status.FAILED.value]), reports.c.created_at <= before]
    some = _some(reports, over, limit)
    return (await tx.execute(delete(reports).where(_key(reports).in_(some)))).rowcount


def _key(table: Any) -> Any:
    return tuple_(*table.primary_key.columns)


def _some(table: Any, conditions: list[Any], limit: int) -> Any:
    return select(*table.primary_key.columns).where(*conditions).limit(limit).with_for_update(skip_locked=True)


async def void_links_of(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> None:
    """Void the links to all reports that the user requested, whether sent or not."""
    await tx.execute(
        update(reports)
        .where(reports.c.account_id == account_id, reports.c.requested_by == user_id)
        .values(link_voided=True, token_digest=None, sealed_token=None)
    )
