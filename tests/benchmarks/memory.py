"""The memory of a worker process: just after its start, and after many sign-ins."""

import asyncio
from pathlib import Path

from tests.benchmarks.figures import Figure, figure, say
from tests.benchmarks.rows import Rows

_WARM = 2000
"""Sign-ins after which a worker has created its connections, statements and hashing threads."""


async def measure_memory(pid: int, rows: Rows, sign_ins: int) -> list[Figure]:
    """Measure the workers of the service `pid` before and after `sign_ins` sign-ins."""
    rest = await _at_rest_mib(pid)
    await _sign_in(rows, _WARM)
    warm = await _at_rest_mib(pid)
    await _sign_in(rows, sign_ins)
    grown = [after - before for before, after in zip(warm, await _at_rest_mib(pid), strict=True)]
    for what, sizes in (("at rest", rest), ("warm", warm), ("then grown by", grown)):
        say(f"workers {what}: {', '.join(f'{size:.1f}' for size in sizes)} MiB")
    return [
        figure("memory of a worker at rest", [max(rest)], 120, at_most=True, unit="MB"),
        figure(f"memory of a worker, grown in {sign_ins:,} sign-ins", [max(grown)], 5, at_most=True, unit="MB"),
    ]


async def _sign_in(rows: Rows, count: int) -> None:
    """Sign in `count` times in all ways, mostly with passcodes, which are the fastest."""
    done = 0
    while done < count:
        for measure in (rows.password, rows.recovery_code, *[rows.right_passcode] * 4):
            done += (await measure()).requests


async def _at_rest_mib(pid: int) -> list[float]:
    """Return the memory of each worker once it no longer changes: workers start one by one."""
    before: list[float] = []
    while (now := _resident_mib(pid)) != before:
        before = now
        await asyncio.sleep(1)
    return now


def _resident_mib(pid: int) -> list[float]:
    """Return the resident memory of each worker process, without the resource tracker."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    workers = [child for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]
    assert workers, children
    return [_kib(child) / 1024 for child in workers]


def _kib(pid: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(kib)
