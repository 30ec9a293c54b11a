"""Fits the costs of running to what `growth` has measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression
from typing import Final

from tests.benchmarks.capacity.constants import Cost, Running
from tests.benchmarks.capacity.model import MAX_UNFINISHED
from tests.benchmarks.case import Case
from tests.benchmarks.growth.axes import AXES
from tests.benchmarks.growth.points import Point

FILLED_AFTER: Final = 30_000
"""Events after which a member's caches are about full; the runs are hardly longer."""
CPU_FROM: Final = ("in-flight", "items")
"""Axes that the costs of the CPU are fitted to: the others show whether they hold elsewhere."""
MEMORY_FROM: Final = ("in-flight", "items", "partitions", "backlog")
_WATCHED: Final = 20.0

Measured = Mapping[str, Sequence[Point]]
Row = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A point of an axis, and the case that it is of."""

    axis: str
    case: Case
    point: Point

    @property
    def unfinished(self) -> float:
        """How many records may lie in memory, unfinished, of all members together."""
        return min(self.case.orders, self.case.partitions * MAX_UNFINISHED)

    @property
    def worked(self) -> float:
        """How many events its members have worked, of those that still fill their caches."""
        return min(self.point.events, FILLED_AFTER * self.case.replicas)


def seen(measured: Measured) -> Iterator[Seen]:
    """Yield all points with their cases."""
    for name, points in measured.items():
        for point in points:
            case = AXES[name].case(point.line, point.place, _WATCHED)
            yield Seen(axis=name, case=case, point=point)


def fit(measured: Measured) -> Running:
    """Return the costs by which the model is nearest to the points, in relative terms."""
    points = [*seen(measured)]
    awake, event, item = _nearest(points, CPU_FROM, _cpu, lambda each: each.cores)
    base, filling, unfinished, unfinished_item = _nearest(
        points, MEMORY_FROM, _memory, lambda each: each.peak
    )
    idle_partition, idle = _idle(points)
    return Running(
        event=Cost(once=event, item=item),
        awake=awake,
        idle=idle,
        idle_partition=idle_partition,
        own_time=_own_time(points),
        base=base,
        filling=filling * FILLED_AFTER,
        unfinished=Cost(once=unfinished, item=unfinished_item),
    )


def _cpu(each: Seen) -> Row:
    rate = each.point.rate
    return each.case.replicas, rate, rate * each.case.items


def _memory(each: Seen) -> Row:
    unfinished = each.unfinished
    return each.case.replicas, each.worked, unfinished, unfinished * each.case.items


def _nearest(
    points: Sequence[Seen],
    axes: Sequence[str],
    row: Callable[[Seen], Row],
    value: Callable[[Point], float],
) -> list[float]:
    used = [each for each in points if each.axis in axes]
    return least_squares([row(each) for each in used], [value(each.point) for each in used])


def _idle(points: Sequence[Seen]) -> tuple[float, float]:
    """Return what a partition takes of the CPU when nothing comes, and a member without any."""
    found = [
        (each.case.partitions, each.point.idle_cores)
        for each in points
        if each.axis == "partitions" and each.point.idle_cores is not None
    ]
    partition, member = linear_regression(*zip(*found, strict=True))
    return partition, member


def _own_time(points: Sequence[Seen]) -> float:
    """Return what a call takes beside the API's time where one is in flight at a time."""
    alone = [each for each in points if each.case.in_flight == 1 and each.case.latency]
    return fmean(1 / each.point.rate - each.case.latency for each in alone)


def least_squares(rows: Sequence[Row], values: Sequence[float]) -> list[float]:
    """Return the factors of the columns whose sums are nearest to the values, relative to them.

    None is negative: nothing gives back what it costs. A column that would have such a factor is
    left out.
    """
    scaled = [[x / value for x in row] for row, value in zip(rows, values, strict=True)]
    used = [*range(len(scaled[0]))]
    while True:
        factors = dict(zip(used, _solved([[row[i] for i in used] for row in scaled]), strict=True))
        worst = min(used, key=factors.__getitem__)
        if factors[worst] >= 0:
            return [factors.get(i, 0.0) for i in range(len(scaled[0]))]
        used.remove(worst)


def _solved(scaled: Sequence[Sequence[float]]) -> list[float]:
    """Return the factors by which the rows come nearest to 1: Gauss' normal equations."""
    width = len(scaled[0])
    table = [
        [sum(row[i] * row[j] for row in scaled) for j in range(width)]
        + [sum(row[i] for row in scaled)]
        for i in range(width)
    ]
    for i in range(width):
        pivot = max(range(i, width), key=lambda k: abs(table[k][i]))
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [x / table[i][i] for x in table[i]]
        for k in range(width):
            if k != i:
                factor = table[k][i]
                table[k] = [x - factor * y for x, y in zip(table[k], table[i], strict=True)]
    return [row[-1] for row in table]
