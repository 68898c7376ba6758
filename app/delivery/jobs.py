"""Sending letters. Nobody waits for a mail server but these jobs."""

import asyncio
from typing import Any

import structlog

from app.delivery.letters import Letter
from app.delivery.mailer import compose, send
from app.delivery.messages import render
from app.services import Services

log = structlog.get_logger()


async def send_letter(services: Services, **letter: Any) -> None:
    """Send a letter that `post` or `tell` put into the queue."""
    await send_now(services, Letter.from_json(letter))


async def send_now(services: Services, letter: Letter, extra: dict[str, Any] | None = None) -> None:
    """Send the letter at once: for jobs alone, never in a transaction.

    `extra` is what may not lie in the queue, such as the `link` to a report. Sent twice, because a worker died in
    between, it is one letter to its reader: its Message-ID, or its file, is always the same. Raises `MailRefused`
    when the mail server will never take it, and something else when it is worth another try.
    """
    message = await asyncio.to_thread(render, letter, extra)
    await send(services.settings, compose(services.settings, letter, message), letter)
    log.info("letter sent", letter=str(letter.id), kind=letter.kind.value, account=str(letter.account_id))
