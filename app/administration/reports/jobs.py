"""Jobs of the worker: write a report, e-mail its link, delete expired reports."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.administration.reports import repository
from app.administration.reports.rules import (
    DELETE_AFTER,
    FAIL_AFTER,
    LINK_LIFETIME,
    ORPHANED_AFTER,
    PREFIX,
    RETENTION,
    UNFINISHED,
    Report,
    Status,
    link_token,
)
from app.administration.reports.writing import write_csv
from app.core.callers import RequestContext
from app.core.ids import new_id
from app.credentials.links.rules import link_url
from app.crypto.mailed_tokens import mailed_token
from app.crypto.sealing import AssociatedData
from app.database.long import begin_long
from app.database.queue import PermanentJobError, enqueue
from app.delivery.jobs import count_expired, send_now
from app.delivery.letters import Email, Kind, email_to, enqueue_email, get_recipient
from app.services import Services

_BATCH = 500
_CHUNK_BATCH = 50  # about 10 MiB
_LETTER_BATCH = 50  # three short statements for each

log = structlog.get_logger()


async def write_report(services: Services, *, account_id: str, report_id: str, ip: str, user_agent: str) -> None:
    """Write a report in one transaction; do nothing if it is finished.

    A run that fails raises, so that the queue retries it. After `FAIL_AFTER` the report gets the status
    `failed`, and `PermanentJobError` stops the retries.
    """
    account, report = UUID(account_id), UUID(report_id)
    async with services.database.begin() as tx:
        found = await repository.lock_report(tx, account, report, UNFINISHED)
        if found is None:
            return
        await repository.change_report(tx, account, report, status=Status.RUNNING.value)
    try:
        await _write(services, account, found, {"ip": ip, "user_agent": user_agent})
    except Exception as error:
        if services.clock.now() - found.created_at < FAIL_AFTER:
            raise
        async with services.database.begin() as tx:
            if await repository.lock_report(tx, account, report, UNFINISHED):
                await repository.change_report(tx, account, report, status=Status.FAILED.value)
                await _notify_of_failure(services, tx, account, report, ip=ip, user_agent=user_agent)
        raise PermanentJobError("the report could not be written for an hour") from error


async def _write(services: Services, account_id: UUID, report: Report, asked: dict[str, str]) -> None:
    """Store the report, its status and, if wanted, the job that e-mails its link, in one transaction.

    The report's row is locked meanwhile.
    """
    url = services.settings.database_url.get_secret_value() if services.settings.database_url else ""
    async with begin_long(url) as tx:
        if await repository.lock_report(tx, account_id, report.id, UNFINISHED) is None:
            return
        rows, size = await write_csv(tx, url, account_id, report, services.clock.now())
        now = services.clock.now()
        await repository.change_report(
            tx,
            account_id,
            report.id,
            status=Status.READY.value,
            rows=rows,
            size=size,
            ready_at=now,
            expires_at=now + RETENTION,
        )
        if report.notify:
            arguments = asked | {"account_id": str(account_id), "report_id": str(report.id)}
            await enqueue(tx, "send_report_link", arguments, queue="letters")
        account = await accounts.get_account(tx, account_id)
    marked = {"test_account": True} if account.test else {}
    log.info("report written", report=str(report.id), account=str(account_id), rows=rows, bytes=size, **marked)


async def _notify_of_failure(
    services: Services,
    tx: AsyncConnection,
    account_id: UUID,
    report_id: UUID,
    *,
    ip: str = "",
    user_agent: str = "",
    **details: bool,
) -> None:
    """Tell the requester that the report failed, if they are still an active owner or admin."""
    report = await repository.find_of_active_admin(tx, account_id, report_id)
    if report is None:
        return
    who = await get_recipient(tx, account_id, report.requested_by)
    requested = RequestContext(account_id, report.created_at, ip, user_agent, request_id="")
    letter = email_to(who, requested, Kind.REPORT_FAILED, **details)
    await enqueue_email(tx, replace(letter, id=new_id(services.clock.now())))


async def send_report_link(
    services: Services, *, account_id: str, report_id: str, ip: str, user_agent: str
) -> None:
    """Generate the secret of a report's link and e-mail it to the requester, if still allowed.

    A second run sends an identical e-mail, or nothing if the first run finished.
    """
    account, report = UUID(account_id), UUID(report_id)
    now = services.clock.now()
    async with services.database.begin() as tx:
        locked = await repository.lock_report(tx, account, report, {Status.READY})
        if locked is None or locked.link_was_sent or not await _may_receive_link(tx, account, locked):
            return
        if not _is_in_time(locked, now):
            await count_expired(tx, account, locked.id, Kind.REPORT_READY)
            return
        secret = await _secret(services, tx, account, locked, now)
        found = await accounts.get_account(tx, account)
        who = await get_recipient(tx, account, locked.requested_by)
    letter = Email(
        id=locked.id,
        account_id=account,
        kind=Kind.REPORT_READY,
        at=locked.created_at,
        ip=ip,
        user_agent=user_agent,
        to=who.to,
        account_name=who.account_name,
        name=who.name,
        locale=who.locale,
    )
    settings = services.settings
    link = link_url(
        settings.link_url,
        settings.public_url,
        slug=found.slug,
        page="report",
        locale=who.locale,
        token=link_token(locked.id, secret),
    )
    await send_now(services, letter, {"link": link})
    async with services.database.begin() as tx:
        await repository.change_report(tx, account, report, sealed_token=None)


async def _may_receive_link(tx: AsyncConnection, account_id: UUID, report: Report) -> bool:
    still_admin = await repository.find_of_active_admin(tx, account_id, report.id) is not None
    return still_admin and not report.link_voided


def _is_in_time(report: Report, now: datetime) -> bool:
    """Return whether neither the report nor its link has expired."""
    over = report.link_expires_at is not None and now >= report.link_expires_at
    return not over and report.status_at(now) is Status.READY


async def _secret(services: Services, tx: AsyncConnection, account_id: UUID, report: Report, now: datetime) -> str:
    """Return the link's secret, and store it if it is new."""
    data = AssociatedData("reports", "sealed_token", account_id, report.id, report.requested_by)
    mailed = mailed_token(services.sealer, data, report.sealed_token, PREFIX)
    if mailed.is_new:
        stored = {"token_digest": mailed.digest, "sealed_token": mailed.sealed}
        await repository.change_report(tx, account_id, report.id, **stored, link_expires_at=now + LINK_LIFETIME)
    return mailed.token


async def purge_reports(services: Services, **_: object) -> None:
    """Delete the data of expired reports and old reports, in batches.

    Unfinished reports whose job no longer exists (`ORPHANED_AFTER`) get the status `failed`.
    """
    now = services.clock.now()
    await _in_batches(services, _BATCH, lambda tx: repository.expire_reports(tx, now, _BATCH))
    await _in_batches(services, _CHUNK_BATCH, lambda tx: repository.delete_chunks_of_expired(tx, _CHUNK_BATCH))
    await _in_batches(services, _LETTER_BATCH, lambda tx: _give_up_reports(services, tx, now - ORPHANED_AFTER))
    await _in_batches(services, _BATCH, lambda tx: repository.delete_reports(tx, now - DELETE_AFTER, _BATCH))


async def _give_up_reports(services: Services, tx: AsyncConnection, before: datetime) -> int:
    """Set a batch of lost reports to failed, and tell who requested them; return how many."""
    lost = await repository.give_up_reports(tx, before, _LETTER_BATCH)
    for account_id, report_id in lost:
        await _notify_of_failure(services, tx, account_id, report_id, origin_unknown=True)
    return len(lost)


async def _in_batches(services: Services, size: int, purge: Callable[[AsyncConnection], Awaitable[int]]) -> None:
    done = size
    while done == size:
        async with services.database.begin() as tx:
            done = await purge(tx)
