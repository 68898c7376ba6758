"""A worker killed while it writes a report leaves no rows; the next one sends one e-mail."""

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


async def start_worker(reports: ReportClient) -> Process:
    settings = reports.services.settings
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
async def big_account(tenant: Tenant, reports: ReportClient) -> AsyncIterator[Tenant]:
    """An account with so many users that writing its report takes a while."""
    await empty_queue(reports.services)
    assert reports.services.settings.database_url
    async with begin_long(reports.services.settings.database_url.get_secret_value()) as tx:
        await add_many_users(tx, tenant.account.id, Role.AGENT, USERS, tenant.clock.now())
    yield tenant
    await empty_queue(reports.services)


async def test_workers_killed_at_random_moments_leave_no_partial_report_and_one_e_mail(
    reports: ReportClient, owner: SimulatedUser, big_account: Tenant, tmp_path: Path
) -> None:
    report = await reports.ask(owner)

    async def job_is_running() -> bool:
        return any(job.status == "doing" for job in await jobs(reports.services))

    async def status() -> str:
        shown: str = ok(await owner.browser.get(f"/reports/{report['id']}"))["status"]
        return shown

    async def has_letter() -> bool:
        return bool(reports.letters())

    for _ in range(KILLS):
        worker = await start_worker(reports)
        await eventually(job_is_running)
        await asyncio.sleep(random.uniform(0, 0.8))
        await kill(worker)
        [chunks] = await run_sql(
            big_account, "SELECT count(*) AS number FROM report_chunks WHERE account_id = :account"
        )
        answer = await owner.browser.get(f"/reports/{report['id']}/csv")
        if await status() == "ready":  # written before the kill; its contents are checked below
            break
        refused(answer, 409, "report_not_ready")
        assert chunks.number == 0

    worker = await start_worker(reports)
    try:
        await eventually(has_letter)
        await eventually(lambda: _none_left(reports))
    finally:
        await kill(worker)

    rows = read_csv(await download(owner, report))
    assert len(rows) == USERS + 1
    assert len({row["user_id"] for row in rows}) == USERS + 1
    [letter] = reports.letters()
    assert letter["Message-ID"] == f"<{report['id']}@[127.0.0.1]>"
    assert (await reports.link().follow(big_account.browser())).content.startswith(BYTE_ORDER_MARK)
    assert [path.suffix for path in (tmp_path / "letters").iterdir()] == [".eml"]


async def _none_left(reports: ReportClient) -> bool:
    return not await jobs(reports.services)
