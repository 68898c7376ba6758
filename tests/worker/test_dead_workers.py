"""Real worker processes that are killed during a job, and other workers that take over."""

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from app.database.queue import enqueue
from app.delivery.letters import enqueue_email
from app.services import Services
from app.worker import MOST_ATTEMPTS, resume_jobs_of_the_dead
from tests.delivery.conftest import a_letter
from tests.support.observe.jobs import all_done, eventually, jobs, working
from tests.support.programs.mail import HANGS, TAKES_AND_HANGS, RunningServer
from tests.support.programs.serving import environment

ALICE = "alice@example.com"


@contextlib.contextmanager
def worker_process(services: Services) -> Iterator[subprocess.Popen[bytes]]:
    """Start `passgate worker` with the settings of the services."""
    settings = services.settings
    assert settings.database_url
    assert settings.secret_keys
    assert settings.mail_url
    given = {
        "PASSGATE_DATABASE_URL": settings.database_url.get_secret_value(),
        "PASSGATE_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "PASSGATE_MAIL_URL": settings.mail_url.get_secret_value(),
    }
    with (settings.data_dir / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "worker"],
            env=environment(settings.data_dir, given),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


async def post_letter(services: Services, number: int = 0, to: str = ALICE) -> None:
    async with services.database.begin() as tx:
        await enqueue_email(tx, a_letter(to=to, id=UUID(int=a_letter().id.int + number)))


@pytest.mark.parametrize(("answer", "arrived"), [(HANGS, 1), (TAKES_AND_HANGS, 2)])
async def test_the_job_of_a_killed_worker_is_done_by_another(
    worker_services: Services, smtp_server: RunningServer, answer: str, arrived: int
) -> None:
    smtp_server.mailbox.to_data[ALICE] = [answer]
    await post_letter(worker_services)

    with worker_process(worker_services) as process:

        async def is_taken() -> bool:
            return smtp_server.mailbox.to_data[ALICE] == []

        await eventually(is_taken, 60)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert [job.status for job in await jobs(worker_services)] == ["doing"]
    async with working(worker_services):
        await all_done(worker_services)

    mails = smtp_server.mailbox.of(ALICE)
    assert len(mails) == arrived  # twice, if the worker was killed before it recorded the first delivery
    assert len({mail["Message-ID"] for mail in mails}) == 1  # so that mail programs show it once
    assert len({mail.as_bytes().partition(b"Content-Type")[0] for mail in mails}) == 1


async def test_a_worker_stopped_by_sigterm_leaves_no_running_job(
    worker_services: Services, smtp_server: RunningServer
) -> None:
    for number in range(30):
        await post_letter(worker_services, number, f"user-{number}@example.com")

    with worker_process(worker_services) as process:

        async def has_begun() -> bool:
            return bool(smtp_server.mailbox.received)

        await eventually(has_begun, 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    left = await jobs(worker_services)

    assert {job.status for job in left} <= {"todo"}
    assert len(left) + len(smtp_server.mailbox.received) == 30
    assert "Traceback" not in log_of(worker_services.settings.data_dir)


def log_of(directory: Path) -> str:
    return (directory / "worker.log").read_text()


async def test_workers_killed_again_and_again_lose_no_letter(
    worker_services: Services, smtp_server: RunningServer
) -> None:
    chance = random.Random(7)
    recipients = [f"user-{number}@example.com" for number in range(60)]
    for number, recipient in enumerate(recipients):
        await post_letter(worker_services, number, recipient)

    for kill in range(3):
        with worker_process(worker_services) as process:
            goal = len(smtp_server.mailbox.received) + chance.randint(1, 15)

            async def has_sent(goal: int = goal) -> bool:
                return len(smtp_server.mailbox.received) >= goal

            await eventually(has_sent, 60)
            os.kill(process.pid, signal.SIGKILL if kill < 2 else signal.SIGTERM)
            process.wait(20)
    async with working(worker_services):
        await all_done(worker_services, 60)

    ids = {to: {mail["Message-ID"] for mail in smtp_server.mailbox.of(to)} for to in recipients}
    assert {len(found) for found in ids.values()} == {1}


async def test_only_jobs_of_dead_workers_are_resumed(worker_services: Services) -> None:
    async with worker_services.database.begin() as tx:
        for name in ("of a dead worker", "of nobody", "of a live worker", "that waits"):
            await enqueue(tx, "some_task", {"job": name})
        await tx.exec_driver_sql(
            """
            WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)
                          VALUES (now() - interval '31 s') RETURNING id),
                 living AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id)
            UPDATE procrastinate_jobs SET status = 'doing', worker_id = CASE args->>'job'
                WHEN 'of a dead worker' THEN (SELECT id FROM dead)
                WHEN 'of a live worker' THEN (SELECT id FROM living) END
            WHERE args->>'job' <> 'that waits'
            """
        )

    await resume_jobs_of_the_dead(worker_services, 30)

    assert {job.arguments["job"]: (job.status, job.attempts) for job in await jobs(worker_services)} == {
        "of a dead worker": ("todo", 1),
        "of nobody": ("todo", 1),
        "of a live worker": ("doing", 0),
        "that waits": ("todo", 0),
    }


async def test_a_job_that_kills_its_workers_fails_in_the_end(worker_services: Services) -> None:
    async with worker_services.database.begin() as tx:
        await enqueue(tx, "some_task", {})
        await tx.exec_driver_sql(
            f"UPDATE procrastinate_jobs SET status = 'doing', attempts = {MOST_ATTEMPTS - 1}"  # noqa: S608 -- a number
        )

    await resume_jobs_of_the_dead(worker_services, 30)

    assert [job.status for job in await jobs(worker_services)] == ["failed"]
