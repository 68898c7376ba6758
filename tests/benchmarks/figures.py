"""What was measured: each figure as a ratio to its floor, beside its target, in a file and compared."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.load import Measured


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 -- what a benchmark is for


@dataclass(frozen=True)
class Figure:
    """One row: the median of its runs, and how far they lay apart."""

    row: str
    value: float
    lowest: float
    highest: float
    target: float
    at_most: bool
    unit: str = "ratio"

    @property
    def reached(self) -> bool:
        """Whether it is as good as it must be."""
        return self.value <= self.target if self.at_most else self.value >= self.target

    def __str__(self) -> str:
        bound = f"{'at most' if self.at_most else 'at least'} {self.target:g}"
        spread = f"{self.lowest:.2f} to {self.highest:.2f}"
        verdict = "reached" if self.reached else "NOT REACHED"
        return f"{self.row:<52} {self.value:7.2f} {self.unit:<5} ({spread:>16})  {bound:<14} {verdict}"


def figure(row: str, values: list[float], target: float, *, at_most: bool = False, unit: str = "ratio") -> Figure:
    """Return the row for the values of its runs."""
    return Figure(row, median(values), min(values), max(values), target, at_most, unit)


def rates(runs: list[Measured]) -> list[float]:
    """Return the requests a second of each run."""
    return [run.rate for run in runs]


def ratios(rates: list[float], floor: list[float]) -> list[float]:
    """Return each run's rate by that of the floor in the same round, since the machine's other work varies."""
    return [rate / beside for rate, beside in zip(rates, floor, strict=True)]


def write(path: Path, figures: list[Figure]) -> None:
    """Write the figures as JSON."""
    path.write_text(json.dumps([asdict(row) for row in figures], indent=2) + "\n")


def compare(before: Path, after: Path) -> None:
    """Print what has changed from one file to the other."""
    old, new = ({row["row"]: row["value"] for row in json.loads(path.read_text())} for path in (before, after))
    for row in new:
        was = old.get(row)
        change = f"{new[row] / was:6.2f} times" if was else "new"
        say(f"{row:<52} {was or 0:7.2f} -> {new[row]:7.2f}  {change}")
