"""How long a report takes to write, as a ratio to `psql \\copy` of the same query, and how much memory it takes.

    python -m tests.benchmarks.report [ROWS] [RUNS]

It makes a Postgres of its own, or uses the empty database that `PASSGATE_TEST_DATABASE_URL` names, fills an
account with ROWS team members in mixed states, and writes its report RUNS times by turns with psql. Pytest does
not run it.
"""

import asyncio
import resource
import subprocess
import sys
import tempfile
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
from app.callers import TEAM, Role
from app.crypto.sealing import new_key_setting
from app.database.ids import new_id
from app.database.libpq import libpq_url
from app.database.long import begin_long
from app.reports import repository
from app.reports.jobs import write_report
from app.reports.rules import Report, Status, Type
from app.reports.status_query import status_query
from app.services import Services, make_services
from app.settings import Settings
from tests.support.database import migrated_database
from tests.support.many_users import add_many_users

_MOST_RATIO = 2.0
_MOST_GROWTH_MIB = 64


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 -- what a benchmark is for


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2


@contextmanager
def _watched_memory() -> Iterator[list[float]]:
    """Yield a list that holds, in the end, by how many MiB this process had grown at most."""
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
        await accounts.add_account(tx, Account(account_id, f"big-{account_id.hex[-8:]}", "Big"), first_policy(now))
    async with begin_long(url) as tx:
        await add_many_users(tx, account_id, Role.AGENT, rows, now)
    async with begin_long(url) as tx:
        await tx.execute(text("ANALYZE"))


async def _write(services: Services, account_id: UUID) -> tuple[float, float]:
    """Write a report; returns the seconds that it took, and by how many MiB the process grew meanwhile."""
    now = services.clock.now()
    asked = Report(new_id(now), Type.TWO_FACTOR_STATUS, False, Status.QUEUED, new_id(now), now)  # noqa: FBT003 -- its field
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
    _say(f"report  {seconds:7.2f} s  {written.rows:,} rows, {written.size or 0:,} bytes, +{growth[0]:.1f} MiB")
    return seconds, growth[0]


def _copy(url: str, account_id: UUID, directory: Path) -> float:
    """Let psql copy the same query into a file; returns the seconds that it took."""
    roles = "'{" + ",".join(sorted(TEAM)) + "}'::text[]"
    moment = f"'{datetime.now(UTC).isoformat()}'::timestamptz"
    values = {"$1": f"'{account_id}'::uuid", "$2": roles, "$3": "'{}'::text[]", "$4": "30", "$5": moment}
    query = " ".join(status_query(of_few=False).split())
    for name, value in values.items():
        query = query.replace(name, value)
    script = f"\\copy ({query}) TO '{directory / 'psql.csv'}' WITH (FORMAT csv, HEADER)\n"
    begun = time.perf_counter()
    subprocess.run(["psql", libpq_url(url), "-qX", "-vON_ERROR_STOP=1"], input=script, text=True, check=True)
    seconds = time.perf_counter() - begun
    _say(f"psql    {seconds:7.2f} s")
    return seconds


async def _measure(url: str, directory: Path, rows: int, runs: int) -> bool:
    settings = Settings.model_validate({"database_url": url, "secret_keys": new_key_setting()})
    services = make_services(settings)
    account_id = new_id(services.clock.now())
    _say(f"{rows:,} users ...")
    await _fill(services, url, account_id, rows)
    written, copied = [], []
    for _ in range(runs):
        copied.append(await asyncio.to_thread(_copy, url, account_id, directory))
        written.append(await _write(services, account_id))
    await services.close()
    ratio = min(seconds for seconds, _ in written) / min(copied)
    growth = max(grown for _, grown in written)
    _say(f"ratio of the fastest: {ratio:.2f} (at most {_MOST_RATIO}); memory: +{growth:.1f} MiB (at most 64)")
    return ratio <= _MOST_RATIO and growth <= _MOST_GROWTH_MIB


def main() -> int:
    """Measure, print, and return 1 where it is too much."""
    rows, runs = (int(given) for given in (sys.argv[1:] + ["1000000", "3"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as directory, migrated_database(Path(directory, "data")) as url:
        return 0 if asyncio.run(_measure(url, Path(directory), rows, runs)) else 1


if __name__ == "__main__":
    sys.exit(main())
