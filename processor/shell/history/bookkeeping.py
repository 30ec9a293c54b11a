"""Bookkeeping: the trails of all slices of a replay, written down every second."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from processor.core.pace import Pace
from processor.core.replays import Plan, Prospect
from processor.core.trail import Trail
from processor.errors import RuntimeFailure
from processor.shell.clock import now
from processor.shell.history import plans
from processor.shell.history.bookmarks import Bookmarks
from processor.shell.history.progress import Cover, Known, Mark, Part, State

_WRITE_EVERY: Final = 1.0
_MOST_AT_ONCE: Final = 100
_WRITE_ALL_EVERY: Final = 3_600.0
"""Kafka forgets offsets that are not written for long: those of the finished slices too."""


class Bookkeeping:
    """How far each slice is, in memory and in Kafka."""

    def __init__(
        self, plan: Plan, known: Known | None, bookmarks: Bookmarks, pace: Pace, at: float
    ) -> None:
        """Go on where a replay stood, or begin."""
        self.pace = pace
        """What copying keeps to; written down with the rest."""
        self.expected = None if known is None else known.cover.expected
        """How many copies there will be in all, None while nobody knows."""
        self.is_new = known is None
        """Whether nothing of it was copied before this run."""
        self._slices = plan.slices
        self._head = plans.head_of(plan)
        self._bookmarks = bookmarks
        self.started_at = now().wall_ms if known is None else known.cover.started_at
        parts = None if known is None else known.parts
        self.trails = tuple(
            Trail(part.position, part.counts)
            for part in parts
            or [Part(slice=each, position=each.begin, counts={}) for each in plan.slices]
        )
        self._current = 0
        self._worked = {0}  # slices of which not everything is known to be written
        self._written: frozenset[int] = frozenset()
        self._write_at = at
        self._write_all_at = at + _WRITE_ALL_EVERY

    def begin(self) -> None:
        """Write everything down once; RuntimeFailure when that is not taken: nothing is copied."""
        if not self._write_all(State.COPYING):
            raise RuntimeFailure(
                f"Kafka does not take the progress: {self._bookmarks.trouble or 'no answer'}. "
                "Check that its brokers run."
            )

    def turn_to(self, index: int) -> Trail:
        """Work the slice of this number from now on."""
        self._worked |= {self._current, index}
        self._written -= {self._current}  # what was written of it need not be its end
        self._current = index
        return self.trails[index]

    def serve(self, at: float) -> None:
        """Write the slices that were worked when it is time; all of them now and then."""
        self._bookmarks.serve()
        if at < self._write_at or self._bookmarks.is_busy:
            return
        self._write_at = at + _WRITE_EVERY
        if at >= self._write_all_at:
            self._write_all_at = at + _WRITE_ALL_EVERY
            if not self._write_all(State.COPYING):
                self._written = frozenset()
        else:
            if self._bookmarks.trouble is None:
                self._worked -= self._written
            self._worked.add(self._current)
            self._written = frozenset(sorted(self._worked)[:_MOST_AT_ONCE])
            marks = [self._mark(index) for index in sorted(self._written)]
            self._bookmarks.write(marks, self._cover(State.COPYING))

    def end(self, state: State) -> bool:
        """Write everything down; tell whether it was taken."""
        return self._write_all(state)

    @property
    def trouble(self) -> str | None:
        """Why the progress is not taken, None while it is."""
        trouble = self._bookmarks.trouble
        return None if trouble is None else f"Kafka does not take the progress: {trouble}"

    @property
    def done(self) -> int:
        """How many offsets are behind it."""
        return sum(
            max(0, trail.position - each.begin)
            for trail, each in zip(self.trails, self._slices, strict=True)
        )

    @property
    def total(self) -> int:
        """How many offsets the slices have."""
        return sum(each.size for each in self._slices)

    @property
    def counts(self) -> Mapping[Prospect, int]:
        """What was found so far."""
        return sum((Counter(trail.counts) for trail in self.trails), Counter())

    @property
    def copied(self) -> int:
        """How many records were copied."""
        return sum(trail.copied for trail in self.trails)

    def _write_all(self, state: State) -> bool:
        marks = [self._mark(index) for index in range(len(self._slices))]
        return self._bookmarks.write_all(marks, self._cover(state))

    def _mark(self, index: int) -> Mark:
        trail = self.trails[index]
        part = Part(slice=self._slices[index], position=trail.position, counts=trail.counts)
        return Mark(index=index, part=part)

    def _cover(self, state: State) -> Cover:
        return Cover(
            slices=len(self._slices),
            state=state,
            started_at=self.started_at,
            written_at=now().wall_ms,
            head=self._head,
            pace=self.pace,
            expected=self.expected,
        )
