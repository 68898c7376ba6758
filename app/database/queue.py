"""Enqueuing a job in the transaction of the change that causes it."""

from typing import Any, Literal

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

Queue = Literal["default", "letters", "reports"]
"""Each queue has its own workers, so that slow jobs in one do not delay jobs in another."""


class PermanentJobError(Exception):
    """Raised by a job that must not be retried: it has failed."""


# procrastinate's own function. We call it directly, because procrastinate's client would use another connection
# and so another transaction. The fields have the order of the type in the schema that our migration installs.
DEFER_JOB = """SELECT procrastinate_defer_jobs_v1(ARRAY[CAST(
    ROW(CAST(:queue AS text), CAST(:task AS text), 0, CAST(:lock AS text), CAST(:queueing_lock AS text),
        CAST(:arguments AS jsonb), NULL) AS procrastinate_job_to_defer_v1)])"""
"""SQL that enqueues a job, also as part of larger statements. Its parameters are those of `job`."""
_DEFER = text(DEFER_JOB).bindparams(bindparam("arguments", type_=JSONB))


def job(
    task: str,
    arguments: dict[str, Any] | None,
    *,
    queue: Queue = "default",
    lock: str | None = None,
    queueing_lock: str | None = None,
) -> dict[str, Any]:
    """Return the parameters of `DEFER_JOB`; jobs with the same `lock` run one at a time."""
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
    """Enqueue `task` (one of `app.worker`); a worker runs it only if the transaction commits.

    The arguments are stored as plain JSON in the database, so they must not contain a secret. Jobs with the same
    `lock` run one after another. A second job with the same `queueing_lock` raises an `IntegrityError` while the
    first one is waiting, and the transaction must be rolled back.
    """
    await tx.execute(_DEFER, job(task, arguments, queue=queue, lock=lock, queueing_lock=queueing_lock))
