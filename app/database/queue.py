"""The way of a job into the queue: in the transaction of the act that causes it."""

from typing import Any, Literal

from sqlalchemy import ColumnElement, Integer, Text, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import UserDefinedType

Queue = Literal["default", "letters", "reports"]
"""Each has workers of its own, so that what is slow in one keeps nothing waiting in another."""


class Hopeless(Exception):  # noqa: N818 -- says how it stands, as a refusal does
    """A job raises this when trying again would be of no use; it has failed then."""


class _JobToDefer(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "procrastinate_job_to_defer_v1"


async def enqueue(
    tx: AsyncConnection,
    task: str,
    arguments: dict[str, Any] | ColumnElement[Any],
    *,
    queue: Queue = "default",
    lock: str | None = None,
    queueing_lock: str | None = None,
) -> None:
    """Let a worker do `task` (one of `app.worker`) with these arguments once the transaction commits, or never.

    The arguments are JSON, or SQL for it, and anyone reads them who reads the database: never a secret. Jobs of
    one `lock` run one after another. A second job with the same `queueing_lock` while the first one waits raises
    an `IntegrityError`, which ends the transaction.
    """
    given = literal(arguments, JSONB) if isinstance(arguments, dict) else arguments
    # procrastinate's own function, called by us because its client would call it on a connection of its own. The
    # order is that of the type in the schema that our migration installs.
    row = func.row(
        literal(queue, Text),
        literal(task, Text),
        literal(0, Integer),
        literal(lock, Text),
        literal(queueing_lock, Text),
        given,
        null(),
    )
    await tx.execute(select(func.procrastinate_defer_jobs_v1(array([cast(row, _JobToDefer)]))))
