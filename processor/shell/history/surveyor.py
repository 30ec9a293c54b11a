"""The surveyor: reads all that a plan speaks of, and counts what would come of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from processor.core.replays import Candidate, Passed, Plan, Prospect, Slice
from processor.core.survey import SAMPLES, Counting, Survey
from processor.shell.history.means import Odometer

OnProgress = Callable[[int, Mapping[Prospect, int]], None]


class Stock(Protocol):
    """Where candidates come from."""

    @property
    def odometer(self) -> Odometer:
        """What was read."""

    def candidates(self, part: Slice, position: int) -> Iterator[Candidate | Passed]:
        """Yield what a slice holds from a position on, in order."""


def survey(plan: Plan, stock: Stock, on_progress: OnProgress, samples: int = SAMPLES) -> Survey:
    """Read all slices; `on_progress` hears how many offsets are behind, and what was found.

    Of each prospect so many `samples` are kept.
    """
    counting = Counting(plan.selection, samples)
    behind = 0
    for part in plan.slices:
        for found in stock.candidates(part, part.begin):
            match found:
                case Candidate():
                    counting.add(found, sample=replace(found, record=None))
                case Passed(position=position):
                    counting.pass_over(found)
                    on_progress(behind + position - part.begin, counting.counts)
        behind += part.size
        on_progress(behind, counting.counts)
    read, deleted = stock.odometer.read, counting.counts.get(Prospect.DELETED, 0)
    absent = 0 if plan.containers else plan.size - read - deleted
    return counting.survey(waiting=plan.waiting, read=read, absent=max(0, absent))
