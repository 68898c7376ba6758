"""A worker that is killed while it writes a report: nothing is left of it, and the next one sends one letter."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.core.callers import Role
from app.database.long import begin_long
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.many_users import add_many_users
from tests.support.account.reports import BYTE_ORDER_MARK, ReportClient, download, read_csv
from tests.support.observe.jobs import empty_queue, eventually, jobs
from tests.support.observe.sql import run_sql

USERS = 30_000
KILLS = 20


async def start_worker(desk: ReportClient) -> Process:
    settings = desk.services.settings
    assert settings.database_url
    assert settings.secret_keys
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PASSGATE_")}
    given = {
        "PASSGATE_DATABASE_URL": settings.database_url.get_secret_value(),
        "PASSGATE_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "PASSGATE_DATA_DIR": str(settings.data_dir),
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.administration.reports.worker_process",
        env=kept | given,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def kill(worker: Process) -> None:
    worker.send_signal(signal.SIGKILL)
    await worker.wait()


@pytest.fixture
async def big_place(tenant: Tenant, desk: ReportClient) -> AsyncIterator[Tenant]:
    """The account with so many users that writing their report takes a while."""
    await empty_queue(desk.services)
    assert desk.services.settings.database_url
    async with begin_long(desk.services.settings.database_url.get_secret_value()) as tx:
        await add_many_users(tx, tenant.account.id, Role.AGENT, USERS, tenant.clock.now())
    yield tenant
    await empty_queue(desk.services)


async def test_workers_killed_at_random_moments_leave_no_half_report_and_one_letter(
    desk: ReportClient, owner: SimulatedUser, big_place: Tenant, tmp_path: Path
) -> None:
    report = await desk.ask(owner)

    async def in_hand() -> bool:
        return any(job.status == "doing" for job in await jobs(desk.services))

    async def status() -> str:
        shown: str = ok(await owner.browser.get(f"/reports/{report['id']}"))["status"]
        return shown

    async def has_letter() -> bool:
        return bool(desk.letters())

    for _ in range(KILLS):
        worker = await start_worker(desk)
        await eventually(in_hand)
        await asyncio.sleep(random.uniform(0, 0.8))
        await kill(worker)
        [chunks] = await run_sql(
            big_place, "SELECT count(*) AS number FROM report_chunks WHERE account_id = :account"
        )
        answer = await owner.browser.get(f"/reports/{report['id']}/csv")
        if await status() == "ready":  # before the kill: all of it is there
            break
        refused(answer, 409, "report_not_ready")
        assert chunks.number == 0

    worker = await start_worker(desk)
    try:
        await eventually(has_letter)
        await eventually(lambda: _none_left(desk))
    finally:
        await kill(worker)

    rows = read_csv(await download(owner, report))
    assert len(rows) == USERS + 1
    assert len({row["user_id"] for row in rows}) == USERS + 1
    [letter] = desk.letters()
    assert letter["Message-ID"] == f"<{report['id']}@[127.0.0.1]>"
    assert (await desk.link().follow(big_place.browser())).content.startswith(BYTE_ORDER_MARK)
    assert [path.suffix for path in (tmp_path / "letters").iterdir()] == [".eml"]


async def _none_left(desk: ReportClient) -> bool:
    return not await jobs(desk.services)
