"""The way of a job into the queue: in the transaction of the act that causes it."""

from typing import Any, Literal

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

Queue = Literal["default", "letters", "reports"]
"""Each has workers of its own, so that what is slow in one keeps nothing waiting in another."""


class PermanentJobError(Exception):
    """A job raises this when trying again would be of no use; it has failed then."""


# procrastinate's own function, called by us because its client would call it on a connection of its own. The order
# of the row is that of the type in the schema that our migration installs.
DEFER_JOB = """SELECT procrastinate_defer_jobs_v1(ARRAY[CAST(
    ROW(CAST(:queue AS text), CAST(:task AS text), 0, CAST(:lock AS text), CAST(:queueing_lock AS text),
        CAST(:arguments AS jsonb), NULL) AS procrastinate_job_to_defer_v1)])"""
"""Puts a job into the queue; also a part of larger statements. Parameters: `job`."""
_DEFER = text(DEFER_JOB).bindparams(bindparam("arguments", type_=JSONB))


def job(
    task: str,
    arguments: dict[str, Any] | None,
    *,
    queue: Queue = "default",
    lock: str | None = None,
    queueing_lock: str | None = None,
) -> dict[str, Any]:
    """Return the parameters of `DEFER_JOB`; jobs of one `lock` do not run beside each other."""
    return {"queue": queue, "task": task, "arguments": arguments, "lock": lock, "queueing_lock": queueing_lock}


async def enqueue(
    tx: AsyncConnection,
    task: str,
    arguments: dict[str, Any],
    *,
    queue: Queue = "default",
    lock: str | None = None,
    queueing_lock: str | None = None,
) -> None:
    """Let a worker do `task` (one of `app.worker`) with these arguments once the transaction commits, or never.

    The arguments are JSON, and anyone reads them who reads the database: never a secret. Jobs of one `lock` run
    one after another. A second job with the same `queueing_lock` while the first one waits raises an
    `IntegrityError`, which ends the transaction.
    """
    await tx.execute(_DEFER, job(task, arguments, queue=queue, lock=lock, queueing_lock=queueing_lock))
