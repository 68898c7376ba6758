"""The measured figures: ratios to floors, with targets; stored as JSON and compared."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median


def say(line: str) -> None:
    """Print a line immediately."""
    print(line, flush=True)  # noqa: T201 -- a benchmark prints


@dataclass(frozen=True)
class Figure:
    """One row: median, lowest and highest of its runs, and the rate per second if there is one."""

    row: str
    value: float
    lowest: float
    highest: float
    target: float
    at_most: bool
    unit: str = "ratio"
    a_second: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the target is reached."""
        return self.value <= self.target if self.at_most else self.value >= self.target

    def __str__(self) -> str:
        bound = f"{'at most' if self.at_most else 'at least'} {self.target:g}"
        spread = f"{self.lowest:.2f} to {self.highest:.2f}"
        rate = f"{self.a_second:,.0f}/s" if self.a_second else ""
        verdict = "reached" if self.reached else "NOT REACHED"
        return f"{self.row:<52} {self.value:7.2f} {self.unit:<5} ({spread:>16}) {rate:>8}  {bound:<14} {verdict}"


def figure(
    row: str,
    values: Sequence[float],
    target: float,
    *,
    at_most: bool = False,
    unit: str = "ratio",
    rates: Sequence[float] = (),
) -> Figure:
    """Return the row for the values of its runs; `rates` are operations per second."""
    a_second = median(rates) if rates else None
    return Figure(row, median(values), min(values), max(values), target, at_most, unit, a_second)


def write(path: Path, figures: list[Figure]) -> None:
    """Write the figures as JSON."""
    path.write_text(json.dumps([asdict(row) for row in figures], indent=2) + "\n")


def compare(before: Path, after: Path) -> None:
    """Print the changes from one file to the other."""
    old, new = ({row["row"]: row["value"] for row in json.loads(path.read_text())} for path in (before, after))
    for row in new:
        was = old.get(row)
        change = f"{new[row] / was:6.2f} times" if was else "new"
        say(f"{row:<52} {was or 0:7.2f} -> {new[row]:7.2f}  {change}")
