"""The counts of deliveries by result."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import delivery_counts


class Result(StrEnum):
    """The result of a delivery: accepted, given up, or to be retried."""

    SENT = "sent"
    REFUSED = "refused"
    """The server refused this e-mail permanently."""
    EXPIRED = "expired"
    """Not sent, because its link had ended before the mail server took it."""
    DEFERRED = "deferred"
    """The server does not take this e-mail now, but may take others."""
    UNAVAILABLE = "unavailable"
    """The server does not answer, or takes no e-mail now."""
    MISCONFIGURED = "misconfigured"
    """The server refuses the sender, the login or the connection."""


async def count_delivery(tx: AsyncConnection, account_id: UUID, channel: str, result: Result) -> None:
    """Count one more delivery."""
    first = insert(delivery_counts).values(account_id=account_id, channel=channel, result=result.value, count=1)
    key = [delivery_counts.c.account_id, delivery_counts.c.channel, delivery_counts.c.result]
    await tx.execute(
        first.on_conflict_do_update(index_elements=key, set_={"count": delivery_counts.c.count + literal(1)})
    )
