"""A running worker: sending, retrying, giving up, and not delaying other jobs."""

import asyncio
import time
from typing import Any

import pytest
import structlog
from procrastinate.jobs import Job

from app import worker
from app.database.queue import PermanentJobError, enqueue
from app.delivery.letters import enqueue_email
from app.services import Services
from app.worker import LONGEST_PAUSE_SECONDS, MOST_ATTEMPTS, Pace, run_worker
from tests.delivery.conftest import a_letter
from tests.support.account.services import with_changes
from tests.support.observe.jobs import QUICK, all_done, eventually, jobs, working
from tests.support.programs.mail import HANGS, RunningServer
from tests.support.programs.serving import free_port

ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time that running jobs have when the worker stops."""
    monkeypatch.setattr(worker, "GRACE_SECONDS", 0.3)


async def post_to(services: Services, *recipients: str) -> None:
    async with services.database.begin() as tx:
        for number, to in enumerate(recipients):
            letter_id = a_letter().id.int + number
            await enqueue_email(tx, a_letter(to=to, id=type(a_letter().id)(int=letter_id)))


async def test_a_letter_is_sent_and_its_job_is_gone(worker_services: Services, smtp_server: RunningServer) -> None:
    await post_to(worker_services, ALICE)

    async with working(worker_services):
        await all_done(worker_services)

    assert [received.recipients for received in smtp_server.mailbox.received] == [[ALICE]]
    assert await jobs(worker_services) == []


async def test_two_workers_send_each_letter_once(worker_services: Services, smtp_server: RunningServer) -> None:
    recipients = [f"user-{number}@example.com" for number in range(40)]
    await post_to(worker_services, *recipients)

    async with working(worker_services), working(worker_services):
        await all_done(worker_services)

    assert sorted(received.recipients[0] for received in smtp_server.mailbox.received) == sorted(recipients)


async def test_a_letter_that_is_refused_for_now_is_tried_again(
    worker_services: Services, smtp_server: RunningServer
) -> None:
    smtp_server.mailbox.to_recipient[ALICE] = ["451 later", "421 later"]
    smtp_server.mailbox.to_data[ALICE] = ["452 later"]
    await post_to(worker_services, ALICE)

    async with working(worker_services):
        await all_done(worker_services)

    assert smtp_server.mailbox.attempts == [ALICE] * 4
    assert [mail["Message-ID"] for mail in smtp_server.mailbox.of(ALICE)] == [f"<{a_letter().id}@[127.0.0.1]>"]


async def test_a_letter_that_is_refused_for_good_fails_at_once_and_is_logged(
    worker_services: Services, smtp_server: RunningServer
) -> None:
    smtp_server.mailbox.to_recipient[ALICE] = ["550 no such user"] * 5
    await post_to(worker_services, ALICE)

    with structlog.testing.capture_logs() as logs:
        async with working(worker_services):
            await all_done(worker_services)

    assert smtp_server.mailbox.attempts == [ALICE]
    assert [job.status for job in await jobs(worker_services)] == ["failed"]
    [failed] = [entry for entry in logs if entry["event"] == "job failed for good"]
    assert (failed["task"], failed["log_level"]) == ("send_letter", "error")
    assert ALICE not in str({**failed, "exc_info": None})


async def test_without_a_mail_server_letters_are_only_delayed(
    worker_services: Services, smtp_server: RunningServer
) -> None:
    await post_to(worker_services, ALICE)

    async with working(with_changes(worker_services, mail_url=f"smtp://127.0.0.1:{free_port()}")):

        async def was_tried() -> bool:
            return (await jobs(worker_services))[0].attempts > 1

        await eventually(was_tried)
    assert [job.status for job in await jobs(worker_services)] == ["todo"]
    async with working(worker_services):
        await all_done(worker_services)

    assert len(smtp_server.mailbox.of(ALICE)) == 1


@pytest.mark.usefixtures("short_grace")
async def test_a_letter_that_hangs_delays_nothing_else(
    worker_services: Services, smtp_server: RunningServer, tasks: list[object]
) -> None:
    smtp_server.mailbox.to_data[ALICE] = [HANGS]
    done: list[float] = []

    async def other_work(_: Services) -> None:
        done.append(time.monotonic())

    tasks.append(other_work)
    await post_to(worker_services, ALICE, *[BOB] * 20)
    async with worker_services.database.begin() as tx:
        await enqueue(tx, "other_work", {})

    async with working(worker_services):

        async def the_rest_is_done() -> bool:
            return len(smtp_server.mailbox.of(BOB)) == 20 and bool(done)

        await eventually(the_rest_is_done)
        assert smtp_server.mailbox.of(ALICE) == []


@pytest.mark.usefixtures("short_grace")
async def test_a_hanging_mail_server_does_not_delay_other_jobs(
    worker_services: Services, smtp_server: RunningServer, tasks: list[object]
) -> None:
    recipients = [f"user-{number}@example.com" for number in range(20)]
    for recipient in recipients:
        smtp_server.mailbox.to_data[recipient] = [HANGS]
    done = asyncio.Event()

    async def other_work(_: Services) -> None:
        done.set()

    tasks.append(other_work)
    await post_to(worker_services, *recipients)

    async with working(worker_services):
        await eventually(lambda: _truth(len(smtp_server.mailbox.attempts) >= 8))
        async with worker_services.database.begin() as tx:
            await enqueue(tx, "other_work", {})
        await asyncio.wait_for(done.wait(), 10)


async def _truth(value: object) -> object:
    return value


async def test_a_job_of_a_newer_release_waits_for_a_worker_of_that_release(
    worker_services: Services, tasks: list[object]
) -> None:
    got: list[Any] = []

    async def new_task(_: Services, *, number: int) -> None:
        got.append(number)

    async with worker_services.database.begin() as tx:
        await enqueue(tx, "new_task", {"number": 7})
    async with working(worker_services):

        async def was_tried() -> bool:
            return (await jobs(worker_services))[0].attempts > 0

        await eventually(was_tried)

    tasks.append(new_task)
    async with working(worker_services):
        await all_done(worker_services)

    assert got == [7]


async def test_a_stopping_worker_finishes_its_running_job(worker_services: Services, tasks: list[object]) -> None:
    begun, finished = asyncio.Event(), asyncio.Event()

    async def slow_task(_: Services) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        finished.set()

    tasks.append(slow_task)
    async with worker_services.database.begin() as tx:
        await enqueue(tx, "slow_task", {})
    async with working(worker_services):
        await begun.wait()

    assert finished.is_set()
    assert await jobs(worker_services) == []


@pytest.mark.usefixtures("short_grace")
async def test_a_job_longer_than_the_grace_period_restarts_in_another_worker(
    worker_services: Services, tasks: list[object]
) -> None:
    begun: list[int] = []

    async def endless_task(_: Services) -> None:
        begun.append(1)
        if len(begun) == 1:
            await asyncio.sleep(3600)

    tasks.append(endless_task)
    async with worker_services.database.begin() as tx:
        await enqueue(tx, "endless_task", {})
    async with working(worker_services):
        await eventually(lambda: _truth(begun))
    assert [job.status for job in await jobs(worker_services)] == ["todo"]
    async with working(worker_services):
        await all_done(worker_services)

    assert len(begun) == 2


async def test_without_a_database_a_worker_waits_and_can_be_stopped(worker_services: Services) -> None:
    stop = asyncio.Event()
    nowhere = with_changes(worker_services, database_url=f"postgresql://u:p@127.0.0.1:{free_port()}/d")

    with structlog.testing.capture_logs() as logs:
        work = asyncio.create_task(run_worker(nowhere, stop, QUICK))
        await eventually(
            lambda: _truth([entry for entry in logs if entry["event"] == "no jobs run at the moment"])
        )
        assert not work.done()
        stop.set()
        await asyncio.wait_for(work, 10)


async def test_a_worker_recovers_when_its_connections_are_cut(
    worker_services: Services, smtp_server: RunningServer
) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'passgate worker'"
    async with working(worker_services):
        for number in range(3):
            await post_to(worker_services, f"user-{number}@example.com")
            await all_done(worker_services)
            async with worker_services.database.begin() as tx:
                await tx.exec_driver_sql(cut)
        await post_to(worker_services, ALICE)
        await all_done(worker_services)

    assert len(smtp_server.mailbox.received) == 4


def _job(attempts: int) -> Job:
    return Job(id=1, queue="letters", lock=None, queueing_lock=None, task_name="t", attempts=attempts)


def test_the_pauses_grow_to_an_hour_and_end_after_a_day() -> None:
    backoff = worker._Backoff(Pace().first_pause)  # noqa: SLF001 -- no public interface shows this rule
    pauses = []
    for attempts in range(MOST_ATTEMPTS):
        before = time.time()
        decision = backoff.get_retry_decision(exception=OSError(), job=_job(attempts))
        if decision is None:
            break
        assert decision.retry_at is not None
        pauses.append(decision.retry_at.timestamp() - before)

    assert pauses[0] == pytest.approx(2, abs=0.5)
    assert pauses == sorted(pauses) or max(pauses) == pytest.approx(LONGEST_PAUSE_SECONDS, abs=1)
    assert len(pauses) == MOST_ATTEMPTS - 1
    assert 22 * 3600 < sum(pauses) < 26 * 3600


def test_a_permanent_error_is_not_retried() -> None:
    backoff = worker._Backoff(2)  # noqa: SLF001 -- as above

    assert backoff.get_retry_decision(exception=PermanentJobError(), job=_job(0)) is None
