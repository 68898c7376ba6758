"""Sending letters. Nobody waits for a mail server but these jobs."""

import asyncio
from typing import Any

import structlog

from app.core.errors import Unavailable
from app.delivery.letters import Email
from app.delivery.mailer import MailRefusedError, compose, send
from app.delivery.messages import render
from app.delivery.repository import Result, count_delivery
from app.services import Services

log = structlog.get_logger()


async def send_letter(services: Services, **letter: Any) -> None:
    """Send a letter that `post` or `tell` put into the queue."""
    await send_now(services, Email.from_json(letter))


async def send_now(services: Services, letter: Email, extra: dict[str, Any] | None = None) -> None:
    """Send the letter at once: for jobs alone, never in a transaction.

    `extra` is what may not lie in the queue, such as the `link` to a report. Sent twice, because a worker died in
    between, it is one letter to its reader: its Message-ID, or its file, is always the same. Raises
    `MailRefusedError` when the mail server will never take it, and something else when it is worth another try.
    """
    message = await asyncio.to_thread(render, letter, extra)
    result = Result.UNAVAILABLE
    try:
        await send(services.settings, compose(services.settings, letter, message), letter)
        result = Result.SENT
    except MailRefusedError:
        result = Result.REFUSED
        raise
    finally:
        await _count(services, letter, result)
    log.info("letter sent", letter=str(letter.id), kind=letter.kind.value, account=str(letter.account_id))


async def _count(services: Services, letter: Email, result: Result) -> None:
    """Count the letter, unless the database is gone: a letter that was sent is not sent again for its count."""
    try:
        async with services.database.begin() as tx:
            await count_delivery(tx, letter.account_id, "email", result)
    except Unavailable as error:
        log.warning("letter not counted", letter=str(letter.id), reason=error.detail)
