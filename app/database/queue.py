"""The way of a job into the queue: in the transaction of the act that causes it."""

from typing import Any, Literal

from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import UserDefinedType

Queue = Literal["default", "letters", "reports"]
"""Each has workers of its own, so that what is slow in one keeps nothing waiting in another."""


class PermanentJobError(Exception):
    """A job raises this when trying again would be of no use; it has failed then."""


class _JobToDefer(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "procrastinate_job_to_defer_v1"


def defer_job_sql(arguments: ColumnElement[Any]) -> Select[tuple[Any]]:
    """Return the statement that defers a job with these arguments, and with the parameters that `job` returns.

    It is procrastinate's own function, called by us because its client would call it on a connection of its own.
    The order is that of the type in the schema that our migration installs.
    """
    row = func.row(
        bindparam("queue", type_=Text),
        bindparam("task", type_=Text),
        literal(0, Integer),
        bindparam("lock", type_=Text),
        bindparam("queueing_lock", type_=Text),
        arguments,
        null(),
    )
    return select(func.procrastinate_defer_jobs_v1(array([cast(row, _JobToDefer)])))


_DEFER = defer_job_sql(bindparam("arguments", type_=JSONB))


def job(
    task: str, *, queue: Queue = "default", lock: str | None = None, queueing_lock: str | None = None
) -> dict[str, Any]:
    """Return the parameters of a job: which task it is, in which queue, and what it does not run beside."""
    return {"queue": queue, "task": task, "lock": lock, "queueing_lock": queueing_lock}


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
    given = job(task, queue=queue, lock=lock, queueing_lock=queueing_lock)
    await tx.execute(_DEFER, given | {"arguments": arguments})
