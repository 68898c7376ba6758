"""Entry point of the job worker, which runs inside `passgate serve` or as `passgate worker`."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job
from procrastinate.tasks import Task
from sqlalchemy import text

from app.administration.reports.jobs import purge_reports, send_report_link, write_report
from app.administration.security_policy.jobs import delete_ended_sessions
from app.commands.retention import purge
from app.credentials.links.jobs import look_up_for_password_link, send_link
from app.database.libpq import make_pool
from app.database.queue import PermanentJobError, Queue
from app.delivery.jobs import send_letter
from app.services import Services

log = structlog.get_logger()

# All tasks. `enqueue` refers to a task by the name of its function.
TASKS: tuple[Callable[..., Awaitable[None]], ...] = (
    send_letter,
    purge,
    send_link,
    look_up_for_password_link,
    write_report,
    send_report_link,
    purge_reports,
    delete_ended_sessions,
)
PERIODIC = {purge: "7 * * * *", purge_reports: "17 * * * *"}

AT_ONCE: dict[Queue, int] = {"default": 4, "letters": 8, "reports": 2}
"""How many jobs of each queue one process runs at the same time."""

MOST_ATTEMPTS = 35
"""With the pauses of `_Backoff`, about one day."""
LONGEST_PAUSE_SECONDS = 3600

GRACE_SECONDS = 10
"""How long running jobs may take at shutdown. Another worker starts those again that take longer."""

# Procrastinate's log lines with these actions quote the job's arguments, which contain e-mail addresses. They are
# filtered out, and `_run_job` logs its own lines.
_QUOTING = frozenset(
    {"start_job", "job_success", "job_error", "job_error_retry", "job_aborted", "job_aborted_retry", "ending_job"}
)


@dataclass(frozen=True)
class Pace:
    """The intervals of the worker, in seconds."""

    poll: float = 1
    first_pause: float = 2
    heartbeat: float = 10
    dead_after: float = 30
    reconnect: float = 5


class _Backoff(BaseRetryStrategy):
    """Retry after a pause that doubles up to one hour, for about one day."""

    def __init__(self, first_pause: float) -> None:
        self._first_pause = first_pause

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):  # the worker ends
            return RetryDecision(retry_in={"seconds": 0})
        if _is_last(exception, job):
            return None
        pause = min(self._first_pause * 2**job.attempts, LONGEST_PAUSE_SECONDS)
        return RetryDecision(retry_in={"milliseconds": int(pause * 1000)})


def _is_last(exception: BaseException, job: Job) -> bool:
    return isinstance(exception, PermanentJobError) or job.attempts + 1 >= MOST_ATTEMPTS


async def run_worker(services: Services, stop: asyncio.Event, pace: Pace | None = None) -> None:
    """Run jobs until `stop` is set, and then finish the running ones.

    If the database is not available, this waits and reconnects. Jobs of a dead worker are started again.
    """
    pace = pace or Pace()
    while not stop.is_set():
        work = asyncio.create_task(_work(services, pace))
        try:
            await _first_of(work, stop)
        finally:
            work.cancel()
            await asyncio.wait({work}, timeout=GRACE_SECONDS + 2)  # bounded, because the database may hang
        if work.done() and not work.cancelled() and (error := work.exception()):
            log.warning("no jobs run at the moment", exc_info=(type(error), error, error.__traceback__))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pace.reconnect)


async def work_until_told(services: Services) -> None:
    """Run a worker in this process until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_worker(services, stop)


@asynccontextmanager
async def background_worker(services: Services) -> AsyncIterator[None]:
    """Run a worker during the block, in the same event loop."""
    stop = asyncio.Event()
    work = asyncio.create_task(run_worker(services, stop))
    try:
        yield
    finally:
        stop.set()
        await work


async def _first_of(work: asyncio.Task[None], stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()


async def _work(services: Services, pace: Pace) -> None:
    """Run jobs until canceled, or until an error."""
    url = services.settings.database_url.get_secret_value() if services.settings.database_url else ""
    app = _make_app(services, pace)
    async with make_pool(url) as pool, app.open_async(pool), asyncio.TaskGroup() as group:
        group.create_task(_resume_periodically(services, app, pace))
        for queue, at_once in AT_ONCE.items():
            group.create_task(_run_queue(app, queue, at_once, pace))


async def _run_queue(app: App, queue: Queue, at_once: int, pace: Pace) -> NoReturn:
    await app.run_worker_async(
        name=queue,
        queues=[queue],
        concurrency=at_once,
        fetch_job_polling_interval=pace.poll,
        abort_job_polling_interval=LONGEST_PAUSE_SECONDS,  # nobody aborts jobs
        shutdown_graceful_timeout=GRACE_SECONDS,
        listen_notify=False,  # see the migration
        delete_jobs="successful",
        install_signal_handlers=False,
        update_heartbeat_interval=pace.heartbeat,
        stalled_worker_timeout=pace.dead_after,
    )
    raise RuntimeError(f"the worker of the queue {queue} ended by itself")


def _make_app(services: Services, pace: Pace) -> App:
    logging.getLogger("procrastinate.worker").addFilter(_has_no_job_arguments)
    app = App(connector=PsycopgConnector())
    app.tasks = _Tasks()
    backoff = _Backoff(pace.first_pause)
    for function in (*TASKS, unknown_task):
        name = function.__name__
        task = app.task(name=name, pass_context=True, retry=backoff)(_runner(services, function))
        if function in PERIODIC:
            app.periodic(cron=PERIODIC[function])(task)
    return app


def _runner(services: Services, function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def run(context: JobContext, **arguments: Any) -> None:
        with services.traces.job(context.job.task_name) if services.traces else nullcontext():
            await _run_job(context.job, function(services, **arguments))

    return run


async def _run_job(job: Job, work: Awaitable[None]) -> None:
    bound = log.bind(task=job.task_name, job=job.id, attempt=job.attempts + 1)
    try:
        await work
    except Exception as error:
        if _is_last(error, job):
            bound.exception("job failed for good")
        else:
            bound.warning("job failed, and will be tried again", exc_info=True)
        raise
    bound.info("job done")


class _Tasks(dict[str, Task[Any, Any, Any]]):
    """Returns a task for every name, so that jobs of a newer release wait for its workers."""

    def get(self, name: str, _: Any = None) -> Task[Any, Any, Any]:
        return self[name] if name in self else self[unknown_task.__name__]


async def unknown_task(_: Services, **__: Any) -> None:
    """Replace every task that this release does not know; always fails, so that it is retried."""
    raise LookupError("this release knows no such task")


def _has_no_job_arguments(record: logging.LogRecord) -> bool:
    return getattr(record, "action", None) not in _QUOTING


async def _resume_periodically(services: Services, app: App, pace: Pace) -> NoReturn:
    while True:
        await resume_jobs_of_the_dead(services, pace.dead_after)
        await app.job_manager.prune_stalled_workers(pace.dead_after)
        await asyncio.sleep(pace.heartbeat)


async def resume_jobs_of_the_dead(services: Services, dead_after: float) -> None:
    """Requeue the running jobs of workers without a heartbeat for `dead_after` seconds.

    This is one statement, so that two workers do not do it twice. A job whose workers keep dying fails after
    `MOST_ATTEMPTS`.
    """
    statement = """
        UPDATE procrastinate_jobs SET
            status = (CASE WHEN attempts + 1 < :most THEN 'todo' ELSE 'failed' END)::procrastinate_job_status,
            attempts = attempts + 1, scheduled_at = NULL, abort_requested = false
        WHERE status = 'doing' AND (worker_id IS NULL OR worker_id IN (
            SELECT id FROM procrastinate_workers WHERE last_heartbeat < now() - make_interval(secs => :dead_after)
        ))
    """
    async with services.database.begin() as tx:
        resumed = await tx.execute(text(statement), {"most": MOST_ATTEMPTS, "dead_after": dead_after})
    if resumed.rowcount:
        log.warning("jobs of a dead worker begin again", jobs=resumed.rowcount)
