"""Lanes: the records of one cart, worked one at a time.

A lane is keyed by the record's key, so that even an undecodable record has its place. Within
a rank records keep the order of their arrival; a lower rank goes first, so a waiting confirm
overtakes waiting releases of its cart.
"""

from bisect import insort
from collections.abc import Iterator

from processor.core.work import Work


def _place(work: Work) -> tuple[int, int]:
    return work.rank, work.arrival


class Lane:
    """The waiting and running records of one cart, first in order first."""

    __slots__ = ("_works", "key", "queued_in", "running")

    def __init__(self, key: bytes | None) -> None:
        """Begin empty.

        `running` is the record whose call is in flight or whose outcome is not acknowledged:
        nothing else of the lane moves meanwhile. `queued_in` is the queue that it stands in.
        """
        self.key = key
        self.running: Work | None = None
        self.queued_in: int | None = None
        self._works: list[Work] = []

    def __len__(self) -> int:
        """How many records are in it, the running one included."""
        return len(self._works)

    def put(self, work: Work) -> None:
        """Add a record at its place."""
        insort(self._works, work, key=_place)

    def remove(self, work: Work) -> None:
        """Take a record out; ValueError when it is not in it."""
        self._works.remove(work)

    def __iter__(self) -> Iterator[Work]:
        """Go over its records, first in order first."""
        return iter(self._works)

    @property
    def head(self) -> Work | None:
        """The record whose turn it is."""
        return self._works[0] if self._works else None
