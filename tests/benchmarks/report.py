"""The time to write a report, relative to `psql \\copy` of the same query, and its memory."""

import asyncio
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

from sqlalchemy import text

from app.accounts import repository as accounts
from app.accounts.repository import Account
from app.accounts.rules import first_policy
from app.administration.reports import repository
from app.administration.reports.jobs import write_report
from app.administration.reports.rules import Report, Status, Type
from app.administration.reports.status_query import status_query
from app.core.callers import TEAM, Role
from app.core.ids import new_id
from app.core.secret_keys import new_key_setting
from app.core.settings import Settings
from app.database.libpq import libpq_url
from app.database.long import begin_long
from app.second_factor.kinds.registry import DEFAULT_ALLOWED_KINDS
from app.services import Services, make_services
from tests.benchmarks.figures import Figure, figure, say
from tests.support.account.many_users import add_many_users


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2


@contextmanager
def _watched_memory() -> Iterator[list[float]]:
    """Yield a list whose item becomes the largest growth of this process in MiB."""
    begun, most, ended = _rss_mib(), [0.0], Event()

    def watch() -> None:
        while not ended.wait(0.01):
            most[0] = max(most[0], _rss_mib() - begun)

    watching = Thread(target=watch)
    watching.start()
    try:
        yield most
    finally:
        ended.set()
        watching.join()


async def _fill(services: Services, url: str, account_id: UUID, rows: int) -> None:
    now = services.clock.now()
    async with services.database.begin() as tx:
        account = Account(account_id, f"big-{account_id.hex[-8:]}", "Big")
        await accounts.add_account(tx, account, first_policy(now, DEFAULT_ALLOWED_KINDS))
    async with begin_long(url) as tx:
        await add_many_users(tx, account_id, Role.AGENT, rows, now)
    async with begin_long(url) as tx:
        await tx.execute(text("ANALYZE"))


async def _write(services: Services, account_id: UUID) -> tuple[float, float]:
    """Write a report; return its duration in seconds, and the growth of the process in MiB."""
    now = services.clock.now()
    asked = Report(new_id(now), Type.TWO_FACTOR_STATUS, False, Status.QUEUED, new_id(now), now)  # noqa: FBT003 -- a field of the dataclass
    async with services.database.begin() as tx:
        await repository.add_report(tx, account_id, asked)
    begun = time.perf_counter()
    with _watched_memory() as growth:
        await write_report(
            services, account_id=str(account_id), report_id=str(asked.id), ip="", user_agent="benchmark"
        )
    seconds = time.perf_counter() - begun
    async with services.database.read() as tx:
        written = await repository.find_report(tx, account_id, asked.id)
    assert written is not None
    assert written.status is Status.READY
    say(f"report  {seconds:7.2f} s  {written.rows:,} rows, {written.size or 0:,} bytes, +{growth[0]:.1f} MiB")
    return seconds, growth[0]


def _copy(url: str, account_id: UUID, directory: Path) -> float:
    """Let psql copy the same query into a file; return its duration in seconds."""
    roles = "'{" + ",".join(sorted(TEAM)) + "}'::text[]"
    moment = f"'{datetime.now(UTC).isoformat()}'::timestamptz"
    values = {"$1": f"'{account_id}'::uuid", "$2": roles, "$3": "'{}'::text[]", "$4": "30", "$5": moment}
    query = " ".join(status_query(by_user_ids=False).split())
    for name, value in values.items():
        query = query.replace(name, value)
    script = f"\\copy ({query}) TO '{directory / 'psql.csv'}' WITH (FORMAT csv, HEADER)\n"
    begun = time.perf_counter()
    subprocess.run(["psql", libpq_url(url), "-qX", "-vON_ERROR_STOP=1"], input=script, text=True, check=True)
    seconds = time.perf_counter() - begun
    say(f"psql    {seconds:7.2f} s")
    return seconds


async def measure_report(url: str, rows: int, rounds: int, directory: Path) -> list[Figure]:
    """Fill an account with `rows` team members, and time its report alternately with psql."""
    settings = Settings.model_validate({"database_url": url, "secret_keys": new_key_setting()})
    services = make_services(settings)
    account_id = new_id(services.clock.now())
    say(f"{rows:,} users for the report ...")
    await _fill(services, url, account_id, rows)
    ratios, grown = [], []
    for _ in range(rounds):
        copied = await asyncio.to_thread(_copy, url, account_id, directory)
        seconds, growth = await _write(services, account_id)
        ratios.append(seconds / copied)
        grown.append(growth)
    await services.close()
    return [
        figure(f"report of {rows:,} rows / (d)", ratios, 1.5, at_most=True),
        figure(f"report of {rows:,} rows, more memory", grown, 64, at_most=True, unit="MB"),
    ]
