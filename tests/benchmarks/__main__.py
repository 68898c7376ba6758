"""Measures the speed as ratios to what the same machine can do at most; not run by pytest.

    python -m tests.benchmarks [--only GROUP,...] [--rounds 5] [--seconds 3] [--json FILE]
    python -m tests.benchmarks --large [...]
    python -m tests.benchmarks --compare BEFORE.json AFTER.json

It starts its own Postgres, the service with one worker process per core, and the floors; it needs `wrk`. Each
round measures every row right after its floor, so that other load on the machine affects both. The floors: (a) a
bare route, (b) the same with one durable update, (c) Argon2id alone, computed by argon2-cffi, (d) `psql \\copy` of
the report's query. With `--large` the floor is the service itself on small tables. Letters stay queued, because
the job worker is another process in production too.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import asyncpg

from app.core.secret_keys import new_key_setting
from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from tests.benchmarks.figures import Figure, compare, say, write
from tests.benchmarks.floors import prepare_floor
from tests.benchmarks.growth import measure_growth
from tests.benchmarks.memory import measure_memory
from tests.benchmarks.people import People
from tests.benchmarks.report import measure_report
from tests.benchmarks.rounds import BY_HASHES, BY_UPDATES, WAITING, Rounds
from tests.benchmarks.rows import ARGUMENTS, CORES, Rows, settings
from tests.benchmarks.starting import floor_serving, measure_start
from tests.support.programs.serving import serving

_IN_ROUNDS = {*BY_UPDATES, *BY_HASHES, WAITING}
_GROUPS = (*BY_UPDATES, *BY_HASHES, WAITING, "memory", "report", "start")


async def _measure_requests(
    database_url: str, keys: str, directory: Path, options: argparse.Namespace, wanted: Collection[str]
) -> list[Figure]:
    await prepare_floor(database_url)
    connection = await asyncpg.connect(database_url)
    people = People(connection, keys)
    await people.found()
    found: list[Figure] = []
    if not _IN_ROUNDS.isdisjoint(wanted):
        with (
            floor_serving(database_url, CORES) as floor_url,
            serving(directory / "service", *ARGUMENTS, **settings(database_url, keys)) as service,
        ):
            rows = Rows(service.url, people, seconds=options.seconds)
            rounds = Rounds(floor_url, rows, wanted, seconds=options.seconds)
            for number in range(options.rounds):
                say(f"round {number + 1} of {options.rounds}")
                await rounds.run()
        found += rounds.figures()
    if "memory" in wanted:
        with serving(directory / "service", *ARGUMENTS, **settings(database_url, keys)) as service:
            rows = Rows(service.url, people, seconds=options.seconds)
            found += await measure_memory(service.process.pid, rows, options.sign_ins)
    await connection.close()
    return found


async def _measure(
    database_url: str, directory: Path, options: argparse.Namespace, wanted: Collection[str]
) -> list[Figure]:
    keys, rounds = new_key_setting(), options.rounds
    if options.large:
        return await measure_growth(database_url, keys, wanted, directory, rounds=rounds, seconds=options.seconds)
    await migrate(database_url)
    found = await _measure_requests(database_url, keys, directory, options, wanted)
    if "report" in wanted:
        found += await measure_report(database_url, options.report_rows, rounds, directory)
    if "start" in wanted:
        found += measure_start(directory, rounds)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(_GROUPS), metavar="GROUP,...", help="of %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="for each row of a round")
    parser.add_argument("--sign-ins", type=int, default=100_000, help="after which the memory is measured again")
    parser.add_argument("--report-rows", type=int, default=1_000_000)
    parser.add_argument("--large", action="store_true", help="compare small tables with large ones instead")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    options = parser.parse_args()
    unknown = set(options.only.split(",")) - set(_GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(unknown)}")
    return options


def main() -> int:
    """Measure and print, or compare two files; return 1 if a target is not reached."""
    options = _options()
    if options.compare:
        compare(*options.compare)
        return 0
    wanted = options.only.split(",")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        postgres = EmbeddedPostgres(directory / "data")
        url = postgres.start()
        try:
            figures = asyncio.run(_measure(url, directory, options, wanted))
        finally:
            postgres.stop()
    for row in figures:
        say(str(row))
    if options.json:
        write(options.json, figures)
    return 0 if all(row.reached for row in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
