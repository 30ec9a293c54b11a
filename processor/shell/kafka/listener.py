"""Who is told of what comes from Kafka."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from confluent_kafka import Message

from processor.core.assignments import Assigned
from processor.core.effects import CommitOffset
from processor.core.records import Partition
from processor.shell.kafka.commits import Answer


class Listener(Protocol):
    """Who is told what happens; called on the poll thread, which waits meanwhile."""

    def received(self, messages: Sequence[Message]) -> None:
        """Take records, and ends of partitions, in the order in which they came."""

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        """Take partitions over; returns at once."""

    def revoked(self, partitions: Sequence[Partition]) -> "Future[Sequence[CommitOffset]]":
        """Begin to hand partitions over; the result is what to commit for them at last."""

    def lost(self, partitions: Sequence[Partition], trouble: str | None) -> None:
        """Give up partitions: somebody else may own them by now.

        `trouble` says why their last offsets were not committed, None when they were.
        """

    def committed(self, answer: Answer) -> None:
        """Learn what came of the commit that was asked for."""

    def failed(self, error: BaseException) -> None:
        """Learn that the poll thread has ended."""
