"""How much slower each row is with large tables, by two services with two databases."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import text

from app.core.callers import Role
from app.database.long import begin_long
from app.database.migrate import migrate
from tests.benchmarks.figures import Figure, figure, say
from tests.benchmarks.load import Measured
from tests.benchmarks.people import People
from tests.benchmarks.rounds import BY_HASHES, BY_UPDATES, WAITING
from tests.benchmarks.rows import ARGUMENTS, Rows, settings
from tests.support.account.many_users import add_many_users
from tests.support.programs.serving import serving

_MOST = 1.3
# Users, audit events and other accounts at the start; the rounds add more users to both.
_SMALL = (1_000, 0, 0)
_LARGE = (1_000_000, 2_000_000, 10_000)

_MORE = """
    INSERT INTO sessions (account_id, id, user_id, token_digest, amr, created_at, last_seen_at, ip, user_agent)
    SELECT account_id, gen_random_uuid(), id, sha256(uuid_send(id)), '{pwd}', now(), now(), '', ''
    FROM users;
    INSERT INTO password_limits (account_id, "limit", key, empty_at)
    SELECT account_id, 'user', sha256(uuid_send(id)), now() FROM users;
"""
_EVENTS = """
    INSERT INTO audit_events (account_id, id, type, at, actor_id, target_type, target_id, details)
    SELECT $1, ('0192' || lpad(to_hex(n), 28, '0'))::uuid, 'sign_in_succeeded', now(), gen_random_uuid(),
           'session', gen_random_uuid(), '{"amr": ["pwd", "otp"]}'
    FROM generate_series(1, $2::int) AS n
"""
_ACCOUNTS = """
    INSERT INTO accounts (id, slug, name, created_at)
    SELECT gen_random_uuid(), 'other-' || n, 'Other', now() FROM generate_series(1, $1::int) AS n
"""
_POLICIES = """
    INSERT INTO security_policies
    SELECT id, false, false, false, 30, '{totp}', '{totp}', 1, now() FROM accounts WHERE slug LIKE 'other-%'
"""


async def measure_growth(
    beside: str, keys: str, wanted: Collection[str], directory: Path, *, rounds: int, seconds: int
) -> list[Figure]:
    """Measure the wanted rows alternately in two new databases on the same server as `beside`."""
    sides: list[Rows] = []
    with ExitStack() as services:
        for name, sizes in (("small", _SMALL), ("large", _LARGE)):
            url, people = await _fill(beside, name, keys, *sizes)
            service = serving(directory / name, *ARGUMENTS, **settings(url, keys))
            sides.append(Rows(services.enter_context(service).url, people, seconds=seconds))
        ratios: dict[str, list[float]] = defaultdict(list)
        rates: dict[str, list[float]] = defaultdict(list)
        for number in range(rounds):
            say(f"growth, round {number + 1} of {rounds}")
            for row, measure in _measures(wanted):
                # In alternating order, because the second one waits for disk writes of the first.
                order = (0, 1) if number % 2 else (1, 0)
                rate = {side: (await measure(sides[side])).rate for side in order}
                small, large = rate[0], rate[1]
                ratios[row].append(small / large)
                rates[row].append(large)
    return [
        figure(f"{row}: small / large", values, _MOST, at_most=True, rates=rates[row])
        for row, values in ratios.items()
    ]


def _measures(wanted: Collection[str]) -> list[tuple[str, Callable[[Rows], Awaitable[Measured]]]]:
    groups = BY_UPDATES | BY_HASHES
    found = [
        (row.partition(" / ")[0], measure) for name in groups if name in wanted for row, measure, _ in groups[name]
    ]
    if WAITING in wanted:
        found.append(("authorize beside 32 passwords", Rows.authorize_beside_passwords))
    return found


async def _fill(beside: str, name: str, keys: str, users: int, events: int, accounts: int) -> tuple[str, People]:
    """Create a database with this many rows; return its URL and its `People`."""
    connection = await asyncpg.connect(beside)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    url = urlsplit(beside)._replace(path=f"/{name}").geturl()
    await migrate(url)
    connection = await asyncpg.connect(url)
    people = People(connection, keys)
    await people.found()
    say(f"{name}: {users:,} users, {events:,} audit events, {accounts + 1:,} accounts ...")
    async with begin_long(url) as tx:
        # Skip the foreign key checks: the generated rows are consistent.
        await tx.execute(text("SET LOCAL session_replication_role = replica"))
        await add_many_users(tx, people.account_id, Role.AGENT, users, datetime.now(UTC))
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(_MORE)
    await connection.execute(_EVENTS, people.account_id, events)
    await connection.execute(_ACCOUNTS, accounts)
    await connection.execute(_POLICIES)
    await connection.execute("RESET session_replication_role")
    await connection.execute("VACUUM ANALYZE")
    return url, people
