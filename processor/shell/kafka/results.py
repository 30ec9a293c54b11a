"""The results topic, and how far one of its partitions is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from processor.core.effects import Restore


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
