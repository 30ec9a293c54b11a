"""Checks: what the model says of cases that were measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from tests.benchmarks.capacity import model
from tests.benchmarks.capacity.constants import Constants
from tests.benchmarks.capacity.fit import (
    CPU_FROM,
    FILLED_AFTER,
    MEMORY_FROM,
    Measured,
    Seen,
    seen,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A figure as the model has it, and as it was. `is_fitted`: the model has learnt from it."""

    predicted: float
    measured: float
    is_fitted: bool

    @property
    def ratio(self) -> float:
        """Return the predicted over the measured."""
        return self.predicted / self.measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One place of an axis, the means of its runs.

    `rate` is what members could do at most, with a core each, beside what they did; None where the
    API takes no time, of which the model knows nothing.
    """

    axis: str
    line: str
    place: int
    rate: Pair | None
    cores: Pair
    memory: Pair


def checks(measured: Measured, constants: Constants) -> Iterator[Check]:
    """Yield all places, axis by axis."""
    runs: dict[tuple[str, str, int], list[Seen]] = {}
    for each in seen(measured):
        runs.setdefault((each.axis, each.point.line, each.point.place), []).append(each)
    for (axis, line, place), found in runs.items():
        yield Check(
            axis=axis,
            line=line,
            place=place,
            rate=_rate(found, constants),
            cores=_cores(found, constants),
            memory=_memory(found, constants),
        )


def spread(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return the least and the largest ratio."""
    ratios = [pair.ratio for pair in pairs]
    return min(ratios), max(ratios)


def _rate(found: Sequence[Seen], constants: Constants) -> Pair | None:
    case = found[0].case
    if not case.latency:
        return None
    most = model.most_calls(case.in_flight, case.latency, case.items, case.replicas, constants)
    return Pair(
        predicted=most,
        measured=fmean(each.point.rate for each in found),
        is_fitted=case.in_flight == 1,
    )


def _cores(found: Sequence[Seen], constants: Constants) -> Pair:
    """Return the cores at the rate that was reached: on a busy machine that is not the model's."""
    case = found[0].case
    return Pair(
        predicted=fmean(
            model.cores(each.point.rate, case.items, case.replicas, constants) for each in found
        ),
        measured=fmean(each.point.cores for each in found),
        is_fitted=found[0].axis in CPU_FROM,
    )


def _memory(found: Sequence[Seen], constants: Constants) -> Pair:
    case = found[0].case
    return Pair(
        predicted=fmean(
            case.replicas
            * model.memory(
                case.items,
                each.unfinished / model.MAX_UNFINISHED / case.replicas,
                constants,
                filled=each.worked / FILLED_AFTER / case.replicas,
            )
            for each in found
        ),
        measured=fmean(each.point.peak for each in found),
        is_fitted=found[0].axis in MEMORY_FROM,
    )
