"""Rounds of measurements: in each, every row is measured once, right after its floor."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection

from tests.benchmarks.figures import Figure, figure
from tests.benchmarks.floors import hash_rate, service_hash_rate
from tests.benchmarks.load import Measured, load
from tests.benchmarks.rows import Rows

# By group of `--only`: name of the row, how it is measured, and the smallest ratio to the floor.
Measures = tuple[tuple[str, Callable[[Rows], Awaitable[Measured]], float], ...]
BY_UPDATES: dict[str, Measures] = {
    "passcode": (
        ("passcode step, right passcode / (b)", Rows.right_passcode, 0.33),
        ("passcode step, wrong passcode / (b)", Rows.wrong_passcode, 0.45),
    ),
    "authorize": (
        ("authorize by API token / (b)", Rows.authorize_by_token, 0.50),
        ("authorize by session / (b)", Rows.authorize_by_session, 0.50),
    ),
}
BY_HASHES: dict[str, Measures] = {
    "password": (("password step / (c)", Rows.password, 0.85),),
    "recovery": (("passcode step, recovery code / (c)", Rows.recovery_code, 0.85),),
}
WAITING = "waiting"
_UPDATE = "floor (b), the update / (a), the bare route"
_SERVICE_HASH = "Argon2id as the service computes it, alone / (c)"

_BODIES = [
    '{"sign_in_token": "pgi_0123456789012345678901234567890123456789012", "passcode": "123456"}'
] * 2  # one for each thread of wrk


class Rounds:
    """The results so far, one entry per round."""

    def __init__(self, floor_url: str, rows: Rows, wanted: Collection[str], *, seconds: int) -> None:
        self._floor_url = floor_url
        self._rows = rows
        self._wanted = wanted
        self._seconds = seconds
        self._ratios: dict[str, list[float]] = defaultdict(list)
        self._rates: dict[str, list[float]] = defaultdict(list)

    async def run(self) -> None:
        """Measure all wanted rows once more."""
        if not {*BY_UPDATES}.isdisjoint(self._wanted):
            bare = self._floor("/bare")
            self._note(_UPDATE, self._floor("/update"), bare)
        for group, measures in BY_UPDATES.items():
            for row, measure, _ in measures if group in self._wanted else ():
                floor = self._floor("/update")
                self._note(row, (await measure(self._rows)).rate, floor)
        if not {*BY_HASHES}.isdisjoint(self._wanted):
            floor = await asyncio.to_thread(hash_rate, self._seconds)
            self._note(_SERVICE_HASH, await asyncio.to_thread(service_hash_rate, self._seconds), floor)
        for group, measures in BY_HASHES.items():
            for row, measure, _ in measures if group in self._wanted else ():
                floor = await asyncio.to_thread(hash_rate, self._seconds)
                self._note(row, (await measure(self._rows)).rate, floor)
        if WAITING in self._wanted:
            rest = await self._rows.authorize_at_rest()
            beside = await self._rows.authorize_beside_passwords()
            self._ratios["p50"].append(beside.p50 / rest.p50)
            self._ratios["p99"].append(beside.p99 / rest.p99)

    def _floor(self, path: str) -> float:
        return load(self._floor_url, path, bodies=_BODIES, again=True, seconds=self._seconds).rate

    def _note(self, row: str, rate: float, floor: float) -> None:
        self._ratios[row].append(rate / floor)
        self._rates[row].append(rate)

    def figures(self) -> list[Figure]:
        """Return the rows, and the ratios between the floors and of the service's hash."""
        found = []
        targets = [(_UPDATE, 0.0), (_SERVICE_HASH, 0.0)]
        for measures in (*BY_UPDATES.values(), *BY_HASHES.values()):
            targets += [(row, target) for row, _, target in measures]
        for row, target in targets:
            if row in self._ratios:
                found.append(figure(row, self._ratios[row], target, rates=self._rates[row]))
        if WAITING in self._wanted:
            p50, p99 = self._ratios["p50"], self._ratios["p99"]
            found.append(figure("authorize beside 32 passwords, median / at rest", p50, 3, at_most=True))
            found.append(figure("authorize beside 32 passwords, 99th / at rest", p99, 10, at_most=True))
        return found
