"""Points that were measured: one file an axis, so that an interrupted run goes on."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from tests.benchmarks.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run at one place of an axis; bytes, and the load of the machine before it."""

    line: str
    place: int
    events: int
    per_cpu_second: float
    rate: float
    cores: float
    resident: int
    peak: int
    idle_cores: float | None
    load: float
    commit: str
    at: str

    @classmethod
    def of(cls, line: str, place: int, trial: Trial, machine: Mapping[str, Any]) -> Self:
        """Return what is kept of a trial."""
        work = trial.work
        return cls(
            line=line,
            place=place,
            events=work.events,
            per_cpu_second=round(work.per_cpu_second, 1),
            rate=round(work.rate, 1),
            cores=round(work.cores, 3),
            resident=work.resident,
            peak=work.peak,
            idle_cores=None if trial.idle_cores is None else round(trial.idle_cores, 3),
            load=round(trial.load, 1),
            commit=machine["commit"],
            at=machine["at"],
        )


def read_points(path: Path) -> list[Point]:
    """Return what an earlier run has left; nothing without its file."""
    if not path.exists():
        return []
    return [Point(**point) for point in json.loads(path.read_text())]


def write_points(path: Path, points: Iterable[Point]) -> None:
    """Write all points, one a line."""
    lines = ",\n".join(json.dumps(asdict(point)) for point in points)
    path.write_text(f"[\n{lines}\n]\n")


def means(
    points: Iterable[Point], line: str, figure: Callable[[Point], float | None]
) -> dict[float, float]:
    """Return the mean of a figure at each place of a line where it is known."""
    found: dict[float, list[float]] = defaultdict(list)
    for point in points:
        value = figure(point)
        if point.line == line and value is not None:
            found[point.place].append(value)
    return {place: fmean(found[place]) for place in sorted(found)}


def runs(points: Iterable[Point], line: str, place: int) -> int:
    """Return how often a place was measured."""
    return sum((point.line, point.place) == (line, place) for point in points)
