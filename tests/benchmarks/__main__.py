"""How fast Passgate is, as ratios to what the same machine can do at the most. Pytest does not run it.

    python -m tests.benchmarks [--rounds 5] [--seconds 3] [--json FILE]
    python -m tests.benchmarks --compare BEFORE.json AFTER.json

It starts a Postgres of its own, the service with a worker process a core, and the floors beside it; needs `wrk`.
Each round measures everything once, so that whatever else the machine does falls on all. Letters stay queued:
the job worker is another process in production too. The report and the import have benchmarks of their own.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

import asyncpg

from app.crypto.sealing import new_key_setting
from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from tests.benchmarks.figures import Figure, compare, figure, rates, ratios, say, write
from tests.benchmarks.floors import prepare_floor
from tests.benchmarks.people import People
from tests.benchmarks.rounds import Rounds, Targets
from tests.benchmarks.starting import floor_serving, memory_mib, start_seconds
from tests.support.serving import serving

_MOST_REQUESTS_A_SECOND = 4000
_CORES = len(os.sched_getaffinity(0))


def _figures(rounds: Rounds) -> list[Figure]:
    b, c = rates(rounds.floor_update), rounds.floor_hash
    alone, loaded = rounds.authorize_session, rounds.authorize_loaded
    p50 = [one.p50 / rest.p50 for one, rest in zip(loaded, rounds.at_rest, strict=True)]
    p99 = [one.p99 / rest.p99 for one, rest in zip(loaded, rounds.at_rest, strict=True)]
    return [
        figure("passcode step, right TOTP passcode / (b)", ratios(rates(rounds.right), b), 0.33),
        figure("passcode step, wrong passcode / (b)", ratios(rates(rounds.wrong), b), 0.45),
        figure("authorize by API token / (b)", ratios(rates(rounds.authorize_token), b), 0.50),
        figure("authorize by session / (b)", ratios(rates(alone), b), 0.50),
        figure("password step / (c)", ratios(rates(rounds.password), c), 0.85),
        figure("authorize beside 32 passwords, median / at rest", p50, 3, at_most=True),
        figure("authorize beside 32 passwords, 99th / at rest", p99, 10, at_most=True),
    ]


async def _measure(database_url: str, directory: Path, options: argparse.Namespace) -> list[Figure]:
    keys = new_key_setting()
    await migrate(database_url)
    await prepare_floor(database_url)
    connection = await asyncpg.connect(database_url)
    people = People(connection, keys)
    await people.found()
    count = _MOST_REQUESTS_A_SECOND * options.seconds
    settings = {"PASSGATE_DATABASE_URL": database_url, "PASSGATE_SECRET_KEYS": keys}
    # Every password comes from one address here, and the limits are not what is measured.
    settings["PASSGATE_PASSWORD_LIMITS"] = "100000/600,100000/600,100000/3600"
    arguments = ("--workers", str(_CORES), "--no-jobs")
    with (
        floor_serving(database_url, _CORES) as floor_url,
        serving(directory / "service", *arguments, **settings) as service,
    ):
        rounds = Rounds(Targets(floor_url, service.url), people, seconds=options.seconds, count=count)
        rest = memory_mib(service.process.pid)
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            await rounds.run()
        found = _figures(rounds)
        grown = memory_mib(service.process.pid)
    say(f"floors: (a) {rounds.summary(rounds.floor_bare)}, (b) {rounds.summary(rounds.floor_update)}")
    await connection.close()
    return [
        *found,
        figure("memory of a worker at rest", [rest], 120, at_most=True, unit="MB"),
        figure("memory of a worker after all rounds", [grown], 120, at_most=True, unit="MB"),
    ]


def main() -> int:
    """Measure and print, or compare two files; returns 1 where a target is not reached."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    options = parser.parse_args()
    if options.compare:
        compare(*options.compare)
        return 0
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        postgres = EmbeddedPostgres(directory / "data")
        url = postgres.start()
        try:
            figures = asyncio.run(_measure(url, directory, options))
        finally:
            postgres.stop()
        first, later = start_seconds(directory / "start"), start_seconds(directory / "start")
    figures.append(figure("serve on the embedded database, first start", [first], 5, at_most=True, unit="s"))
    figures.append(figure("serve on the embedded database, later start", [later], 2, at_most=True, unit="s"))
    for row in figures:
        say(str(row))
    if options.json:
        write(options.json, figures)
    return 0 if all(row.reached for row in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
