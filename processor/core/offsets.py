"""Offsets of one partition: tracked when received, resolved in any order, committed in order.

The invariant: nothing at or above the first unfinished offset is ever committed.
Only offsets that were received are tracked; a gap in the log counts as done.
"""

from collections import deque


class Offsets:
    """Track, resolve, and tell how far a partition may be committed."""

    __slots__ = ("_order", "_unfinished", "position")

    def __init__(self, committed: int) -> None:
        """Begin at a committed offset: the next one to be received."""
        self.position = committed
        self._order: deque[int] = deque()
        self._unfinished: set[int] = set()

    def __contains__(self, offset: int) -> bool:
        """Whether an offset is received and not finished."""
        return offset in self._unfinished

    def track(self, offset: int) -> bool:
        """Begin an offset; False (and nothing changes) when it was received before."""
        if offset < self.position:
            return False
        self.position = offset + 1
        self._order.append(offset)
        self._unfinished.add(offset)
        return True

    def advance(self, position: int) -> None:
        """Note that the log holds no record below `position` that was not received."""
        self.position = max(self.position, position)

    def resolve(self, offset: int) -> None:
        """Finish an offset. KeyError when it is not unfinished."""
        self._unfinished.remove(offset)
        while self._order and self._order[0] not in self._unfinished:
            self._order.popleft()

    @property
    def next_offset(self) -> int:
        """The only number that may be committed: the first unfinished offset, or the position."""
        return self._order[0] if self._order else self.position

    @property
    def unfinished(self) -> int:
        """How many records are received and not finished."""
        return len(self._unfinished)

    @property
    def span(self) -> int:
        """How many offsets lie between the first unfinished one and the position."""
        return self.position - self.next_offset
