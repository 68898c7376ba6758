"""Requesting, finding and downloading reports."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.rules import masked
from app.administration.reports import repository
from app.administration.reports.csv_text import BYTE_ORDER_MARK, decompress
from app.administration.reports.rules import (
    MOST_UNFINISHED,
    POLL_AFTER_SECONDS,
    RETRY_AFTER_SECONDS,
    UNFINISHED,
    Report,
    Status,
    Type,
    read_link_token,
)
from app.audit.repository import record, record_act
from app.audit.rules import Actor, Event, EventType
from app.core.callers import Caller, RequestContext
from app.core.errors import Conflict, Gone, NotFound, TooMany
from app.core.ids import new_id
from app.credentials.links.rules import LinkDetails
from app.database.engine import Database
from app.database.queue import enqueue
from app.delivery.letters import get_recipient
from app.second_factor.authority import lock_caller

_NOT_READY = {
    Status.QUEUED: "The report is waiting to be written.",
    Status.RUNNING: "The report is being written.",
    Status.FAILED: "The report could not be written. Ask for another.",
    Status.EXPIRED: "The report is no longer kept. Ask for another.",
}


async def request_report(tx: AsyncConnection, caller: Caller, *, include_end_users: bool, notify: bool) -> Report:
    """Request a report, which the worker writes; with `notify` it e-mails a link to the caller.

    A service account has no e-mail, so it is never notified. Raises `TooMany` while the account has
    `MOST_UNFINISHED` unfinished reports, and what `lock_caller` raises.
    """
    await lock_caller(tx, caller)
    if await repository.count_unfinished(tx, caller.account_id) >= MOST_UNFINISHED:
        detail = f"{MOST_UNFINISHED} reports are unfinished: wait for one of them."
        raise TooMany(detail, retry_after=RETRY_AFTER_SECONDS)
    report = Report(
        id=new_id(caller.now),
        type=Type.TWO_FACTOR_STATUS,
        include_end_users=include_end_users,
        status=Status.QUEUED,
        requested_by=caller.user_id,
        created_at=caller.now,
        notify=notify and not caller.is_service,
    )
    await repository.add_report(tx, caller.account_id, report)
    arguments = {
        "account_id": str(caller.account_id),
        "report_id": str(report.id),
        "ip": caller.context.ip,
        "user_agent": caller.context.user_agent,
    }
    await enqueue(tx, "write_report", arguments, queue="reports", lock=f"reports of {caller.account_id}")
    details = {"type": report.type.value, "include_end_users": include_end_users}
    await record_act(tx, caller, Event(EventType.REPORT_REQUESTED, "report", report.id, details))
    return report


async def find_report(tx: AsyncConnection, account_id: UUID, report_id: UUID) -> Report:
    """Return the report; raises `NotFound`."""
    report = await repository.find_report(tx, account_id, report_id)
    if report is None:
        raise NotFound
    return report


@dataclass(frozen=True)
class Download:
    """A report that may be downloaded now."""

    account_id: UUID
    report_id: UUID
    made_at: datetime
    size: int
    for_spreadsheet: bool

    @property
    def bytes_sent(self) -> int:
        """The size of the response in bytes, including the byte order mark."""
        return self.size + len(BYTE_ORDER_MARK) * self.for_spreadsheet


async def open_download(
    tx: AsyncConnection, caller: Caller, report_id: UUID, *, for_spreadsheet: bool, headers_alone: bool
) -> Download:
    """Record the download and return it. With `headers_alone` nothing is downloaded, and nothing recorded.

    Raises `NotFound`, `Conflict` (`report_not_ready`) and what `lock_caller` raises.
    """
    await lock_caller(tx, caller)
    report = await find_report(tx, caller.account_id, report_id)
    status = report.status_at(caller.now)
    if status is not Status.READY:
        again = {"retry_after": POLL_AFTER_SECONDS} if status in UNFINISHED else {}
        raise Conflict(_NOT_READY[status], code="report_not_ready", **again)
    if not headers_alone:
        await record_act(tx, caller, Event(EventType.REPORT_DOWNLOADED, "report", report.id))
    return _download(caller.account_id, report, for_spreadsheet=for_spreadsheet)


async def open_download_by_link(tx: AsyncConnection, context: RequestContext, token: str) -> Download:
    """Record the download by a link and return it, if the requester is an active owner or admin.

    Raises `Gone` (`link_expired`) for every reason, so that the response does not reveal which.
    """
    report = await _find_by_link(tx, context, token)
    actor = Actor(report.requested_by, "report_link")
    await record(tx, context, actor, Event(EventType.REPORT_DOWNLOADED, "report", report.id))
    return _download(context.account_id, report, for_spreadsheet=True)


async def describe_link(tx: AsyncConnection, context: RequestContext, token: str) -> LinkDetails:
    """Return what the holder of a report's link may see of it; raises what the download raises."""
    report = await _find_by_link(tx, context, token)
    if report.link_expires_at is None:
        raise RuntimeError("a report with a link has no link_expires_at")
    who = await get_recipient(tx, context.account_id, report.requested_by)
    return LinkDetails(
        purpose="report",
        account_name=who.account_name,
        name=who.name,
        email=masked(who.to),
        new_email=None,
        expires_at=report.link_expires_at,
    )


async def _find_by_link(tx: AsyncConnection, context: RequestContext, token: str) -> Report:
    read = read_link_token(token)
    report = await repository.find_of_active_admin(tx, context.account_id, read[0]) if read else None
    if read is None or report is None or not report.accepts_secret(read[1], context.now):
        raise Gone("The link has ended. Ask for a new report.", code="link_expired")
    return report


def _download(account_id: UUID, report: Report, *, for_spreadsheet: bool) -> Download:
    if report.ready_at is None or report.size is None:
        raise RuntimeError("a ready report has no ready_at or no size")
    return Download(account_id, report.id, report.ready_at, report.size, for_spreadsheet)


async def read_report(database: Database, download: Download) -> AsyncIterator[bytes]:
    """Yield the report chunk by chunk.

    No database connection is in use between chunks, because the client may be slow. For a spreadsheet the text
    begins with a byte order mark; Excel does not recognize UTF-8 without it. Raises `LookupError` if the report is
    purged meanwhile: this closes the HTTP connection, so that the client does not mistake a part for the whole.
    """
    if download.for_spreadsheet:
        yield BYTE_ORDER_MARK
    number, left = 0, download.size
    while left > 0:
        async with database.read() as tx:
            chunk = await repository.get_chunk(tx, download.account_id, download.report_id, number)
        if chunk is None:
            raise LookupError("a chunk of the report is missing")
        text = await asyncio.to_thread(decompress, chunk)
        yield text
        number, left = number + 1, left - len(text)
