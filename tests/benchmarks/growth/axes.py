"""The axes along which the processor is watched, and the case at each place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tests.benchmarks.case import Case
from tests.benchmarks.options import bounded

_USUAL: Final = Case(orders=50_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis. `lines` are drawn beside each other, each a usual case; `at` moves it to a place.

    `adds` names what each step of the axis adds to an event, where that is more work.
    """

    title: str
    places: tuple[int, ...]
    lines: Mapping[str, Case]
    at: Callable[[Case, int], Case]
    more_places: tuple[int, ...] = ()
    adds: str | None = None

    def case(self, line: str, place: int, most: float) -> Case:
        """Return the case of a line at a place, watched for `most` seconds."""
        return bounded(self.at(self.lines[line], place), most)


def _with_items(case: Case, items: int) -> Case:
    return replace(case, items=items, orders=max(12_000, case.orders // items))


AXES: Final[Mapping[str, Axis]] = {
    "in-flight": Axis(
        title="calls in flight",
        places=(1, 4, 16, 64, 256, 1_024),
        lines={"API 50 ms": _USUAL, "API 0 ms": replace(_USUAL, latency=0.0)},
        at=lambda case, place: replace(case, in_flight=place),
    ),
    "partitions": Axis(
        title="partitions of each topic",
        places=(1, 2, 4, 8, 16, 32, 64),
        lines={"API 50 ms": _USUAL},
        at=lambda case, place: replace(case, partitions=place),
    ),
    "items": Axis(
        title="items of an order",
        places=(1, 2, 5, 10, 20, 50, 100),
        lines={"API 50 ms": _USUAL},
        at=_with_items,
        adds="item",
    ),
    "backlog": Axis(
        title="backlog, orders",
        places=(1_000, 10_000, 100_000, 1_000_000),
        lines={"API 50 ms": _USUAL},
        at=lambda case, place: replace(case, orders=place),
        more_places=(10_000_000,),
    ),
    "replicas": Axis(
        title="replicas",
        places=(1, 2, 4),
        lines={"API 50 ms": replace(_USUAL, orders=60_000)},
        at=lambda case, place: replace(case, replicas=place),
    ),
}
