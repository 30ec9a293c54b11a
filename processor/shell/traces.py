"""Traces: what the worker tells whoever makes spans of its work. Nobody does, by default."""

from collections.abc import Iterable
from typing import Final, Protocol

from processor.core.calls import Call
from processor.core.effects import Effect, Send
from processor.core.records import Partition, Record
from processor.core.replies import Reply


class Traces(Protocol):
    """Follows records from their arrival to their outcome, and the calls made for them.

    Everything but `close` belongs to the loop's thread, never waits and never raises for what a
    record, Rokt or the receiver of the spans does.
    """

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Follow the records of these partitions from now on."""
        ...

    def lost(self, partitions: Iterable[Partition]) -> None:
        """Follow the records of these partitions no more: they are another owner's."""
        ...

    def received(self, record: Record) -> None:
        """Begin to follow a record; one that is followed already, or of no owned partition, not."""
        ...

    def see(self, effects: Iterable[Effect]) -> Iterable[Effect]:
        """Note what is done; return the same effects, outcomes with the trace of their records."""
        ...

    def begin(self, send: Send) -> Call:
        """Begin an attempt; return its call, which carries the attempt's own trace."""
        ...

    def replied(self, call_id: int, reply: Reply) -> None:
        """End an attempt."""
        ...

    def close(self, within: float) -> None:
        """Export what there is, for at most `within` seconds; blocks."""
        ...


class NoTraces:
    """Follows nothing."""

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Do nothing."""

    def lost(self, partitions: Iterable[Partition]) -> None:
        """Do nothing."""

    def received(self, record: Record) -> None:
        """Do nothing."""

    def see(self, effects: Iterable[Effect]) -> Iterable[Effect]:
        """Return the same object."""
        return effects

    def begin(self, send: Send) -> Call:
        """Return the call as it is."""
        return send.call

    def replied(self, call_id: int, reply: Reply) -> None:
        """Do nothing."""

    def close(self, within: float) -> None:
        """Do nothing."""


NO_TRACES: Final = NoTraces()
