"""The trail: how far a slice has been worked, without a hole.

Copies are acknowledged in any order. A position is kept only when every copy below it is
acknowledged; whatever is counted belongs to that position, so both survive a crash together.
"""

from collections import Counter, deque
from collections.abc import Mapping

from processor.core.replays import COPIED, Candidate, Passed, Prospect


class _Step:
    """Something read: reading it brings the slice to `position`, once it `is_done`.

    It counts `count` times as `prospect`.
    """

    __slots__ = ("count", "is_done", "position", "prospect")

    def __init__(self, position: int, prospect: Prospect, count: int, *, is_done: bool) -> None:
        self.position = position
        self.prospect = prospect
        self.count = count
        self.is_done = is_done


class Trail:
    """The progress of one slice."""

    __slots__ = ("_counts", "_position", "_steps")

    def __init__(self, position: int, counts: Mapping[Prospect, int]) -> None:
        """Go on where a slice stood, with what had been counted below."""
        self._position = position
        self._counts = Counter(counts)
        self._steps: deque[_Step] = deque()

    @property
    def position(self) -> int:
        """Where the slice goes on after a crash: everything below is done."""
        return self._position

    @property
    def counts(self) -> Mapping[Prospect, int]:
        """What was found below the position."""
        return self._counts

    @property
    def copied(self) -> int:
        """How many records below the position were copied."""
        return sum(count for prospect, count in self._counts.items() if prospect in COPIED)

    @property
    def has_begun(self) -> bool:
        """Whether a record was copied, or is on its way."""
        return self.copied > 0 or bool(self._steps)

    @property
    def in_flight(self) -> int:
        """How many steps are not kept yet: the first of them is a copy without acknowledgement."""
        return len(self._steps)

    def send(self, candidate: Candidate) -> "Copying":
        """Note that a candidate is being copied; the answer is told of its acknowledgement."""
        step = self._add(candidate.position_after, candidate.prospect, 1, is_done=False)
        return Copying(self, step)

    def count(self, candidate: Candidate) -> None:
        """Note a candidate that is not copied."""
        self._add(candidate.position_after, candidate.prospect, 1, is_done=True)

    def skip(self, passed: Passed) -> None:
        """Note that reading has come further without a candidate."""
        self._add(passed.position, Prospect.DELETED, passed.deleted, is_done=True)

    def _add(self, position: int, prospect: Prospect, count: int, *, is_done: bool) -> _Step:
        step = _Step(position, prospect, count, is_done=is_done)
        self._steps.append(step)
        self._keep()
        return step

    def _finish(self, step: _Step) -> None:
        step.is_done = True
        self._keep()

    def _keep(self) -> None:
        while self._steps and self._steps[0].is_done:
            step = self._steps.popleft()
            self._position = max(self._position, step.position)
            if step.count:
                self._counts[step.prospect] += step.count


class Copying:
    """A copy on its way."""

    __slots__ = ("_step", "_trail")

    def __init__(self, trail: Trail, step: _Step) -> None:
        """Belong to a trail."""
        self._trail = trail
        self._step = step

    def acknowledged(self) -> None:
        """Note that the copy lies in the lane."""
        self._trail._finish(self._step)  # noqa: SLF001  (they are one concept)
