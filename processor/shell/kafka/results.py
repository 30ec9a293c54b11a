"""The results topic, how far one of its partitions is read, and what was read there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from processor.core.effects import Restore
from processor.core.outcomes import OutcomeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results topic. `topic_id` is the one it had at the start, None where none was told."""

    name: str
    topic_id: str | None
    ask_id: Callable[[], str | None]
    """Returns the id of the topic that has the name now; blocks for a moment."""

    def is_another(self) -> bool:
        """Whether the name is that of another topic by now."""
        if self.topic_id is None:
            return False
        now_there = self.ask_id()
        return now_there is not None and now_there != self.topic_id


class Reading:
    """One partition on its way: from `position` to `end`; the listener knows all below `_told`."""

    __slots__ = ("_told", "end", "position", "restore")

    def __init__(self, restore: Restore, position: int, end: int) -> None:
        """Begin at `position`; what lay below it is deleted, or known."""
        self.restore = restore
        self.position = position
        self.end = end
        self._told = min(restore.position, position)

    def span(self) -> tuple[int, int]:
        """Return what was read since the last time: from which offset, up to which."""
        span = self._told, self.position
        self._told = self.position
        return span

    def again(self) -> Restore:
        """Return what the listener does not know yet."""
        return replace(self.restore, position=self._told)


class Batch:
    """Outcomes that were read and not handed over yet, with their offsets, by partition."""

    __slots__ = ("_items", "_outcomes")

    def __init__(self) -> None:
        """Begin with none."""
        self._outcomes: dict[int, list[tuple[int, OutcomeView]]] = {}
        self._items = 0

    def add(self, number: int, offset: int, outcome: OutcomeView) -> int:
        """Add an outcome; return how many items there are: those are what takes memory."""
        self._outcomes.setdefault(number, []).append((offset, outcome))
        self._items += len(outcome.items)
        return self._items

    def take(self) -> Iterable[tuple[int, Sequence[tuple[int, OutcomeView]]]]:
        """Return all, and begin with none."""
        outcomes, self._outcomes, self._items = self._outcomes, {}, 0
        return outcomes.items()
