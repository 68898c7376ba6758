"""Jobs that send e-mails; requests never wait for a mail server."""

import asyncio
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import Unavailable
from app.delivery.letters import Email, Kind
from app.delivery.mailer import (
    MailDeferredError,
    MailMisconfiguredError,
    MailRefusedError,
    compose,
    send,
)
from app.delivery.messages import render
from app.delivery.repository import Result, count_delivery
from app.services import Services

log = structlog.get_logger()


async def send_letter(services: Services, **letter: Any) -> None:
    """Send an e-mail that `enqueue_email`, `notify_user` or `email_job` put into the queue."""
    await send_now(services, Email.from_json(letter))


async def send_now(services: Services, letter: Email, extra: dict[str, Any] | None = None) -> None:
    """Send the e-mail at once; only for jobs, and never in a transaction.

    `extra` has values that must not be stored in the queue, such as the `link` to a report. If a worker dies, the
    e-mail may be sent twice, with the same Message-ID or file name. Raises `MailRefusedError` if the mail server
    rejects it permanently, and another exception if a retry may help.
    """
    message = await asyncio.to_thread(render, letter, extra)
    result = Result.UNAVAILABLE
    try:
        await send(services.settings, compose(services.settings, letter, message), letter)
        result = Result.SENT
    except MailRefusedError:
        result = Result.REFUSED
        raise
    except MailMisconfiguredError as error:
        result = Result.MISCONFIGURED
        log.error("mail misconfigured", reason=str(error))  # noqa: TRY400 -- the job logs the traceback
        raise
    except MailDeferredError:
        result = Result.DEFERRED
        raise
    finally:
        await _count(services, letter, result)
    log.info("letter sent", letter=str(letter.id), kind=letter.kind.value, account=str(letter.account_id))


async def count_expired(tx: AsyncConnection, account_id: UUID, letter_id: UUID, kind: Kind) -> None:
    """Count and log an e-mail that is never sent, because its link ended before the mail server took it."""
    await count_delivery(tx, account_id, "email", Result.EXPIRED)
    log.warning("letter expired", letter=str(letter_id), kind=kind.value, account=str(account_id))


async def _count(services: Services, letter: Email, result: Result) -> None:
    """Count the delivery. Ignore `Unavailable`, so that the e-mail is not sent again."""
    try:
        async with services.database.begin() as tx:
            await count_delivery(tx, letter.account_id, "email", result)
    except Unavailable as error:
        log.warning("letter not counted", letter=str(letter.id), reason=error.detail)
