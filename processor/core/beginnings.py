"""Beginnings: how often a partition was begun at one offset without being handed back.

A record that kills its process waits for the next one, which begins at the same offset. So a
committed offset says the how manieth beginning there it stands for, and from the fourth on the
partition is suspected: three processes have ended without a word. What a suspected partition holds
is tried in a child process before it is decoded in this one (decision 0041).
"""

from collections.abc import Collection, Iterable
from math import inf
from typing import Final

from processor.core.effects import CommitOffset
from processor.core.records import Partition, Source

DEATHS: Final = 3
"""How many processes must have ended at an offset before its partition is suspected."""
REACH: Final = 100_000
"""How many offsets from there on stay suspected once the commit has moved on.

As far as records may lie from the committed one by default (`PROCESSOR_CALLS__MAX_SPAN`).
"""


def count(before: int, committed: int, end: int) -> int:
    """Return the number of a beginning at `committed`, from 1.

    `before` beginnings there were not handed back. The log's `end` lies there as well where
    nothing has come since: then nothing can have killed anybody.
    """
    return 1 if end <= committed else before + 1


class Suspects:
    """The partitions in which something may kill the process, and how far that may lie."""

    __slots__ = ("_below", "_from")

    def __init__(self) -> None:
        """Begin with none."""
        self._below: dict[Partition, float] = {}
        self._from: dict[Partition, int] = {}

    def begin(self, partition: Partition, committed: int, beginning: int) -> bool:
        """Note the beginning of a partition, and its number; return whether it is suspected."""
        self.forget([partition])
        if beginning <= DEATHS:
            return False
        self._below[partition], self._from[partition] = inf, committed
        return True

    def has(self, source: Source) -> bool:
        """Whether a record is suspected."""
        if not self._below:
            return False
        return source.offset < self._below.get(Partition(source.topic, source.partition), -1)

    def committed(
        self, offsets: Iterable[CommitOffset], refused: Collection[Partition] = ()
    ) -> None:
        """Note what the coordinator has taken: an offset that has moved on bounds the suspicion."""
        for one in offsets if self._from else ():
            began = self._from.get(one.partition)
            if began is not None and one.offset > began and one.partition not in refused:
                self._below[one.partition] = began + REACH

    def convict(self, partition: Partition) -> None:
        """Note that a record was deadly: where it came from, more may follow, however far."""
        if self._from.pop(partition, None) is not None:
            self._below[partition] = inf

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Let go of partitions that are ours no more."""
        for partition in partitions:
            self._below.pop(partition, None)
            self._from.pop(partition, None)
