"""Writings: ends of records on their way into the topics.

A dead letter is acknowledged before its outcome is produced, so whoever sees the outcome in the
ledger knows that the dead letter exists.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from processor.core import effects as do
from processor.core.conclusions import conclude
from processor.core.lanes import Lane
from processor.core.outcomes import DeadLetter, Ending, Outcome
from processor.core.partitions import PartitionState
from processor.core.records import Now
from processor.core.work import Work


@dataclass(slots=True)
class Writing:
    """One end on its way: first its dead letter, if it is a failure, then its outcome."""

    state: PartitionState
    lane: Lane
    work: Work
    outcome: Outcome
    dead_letter: DeadLetter | None
    is_outcome_produced: bool


class Writings:
    """The outputs that are not acknowledged yet."""

    __slots__ = ("_by_id", "_effects", "_numbers")

    def __init__(self, effects: list[do.Effect], numbers: Iterator[int]) -> None:
        """`effects` takes what is to be produced, `numbers` gives the ids of outputs."""
        self._by_id: dict[int, Writing] = {}
        self._effects = effects
        self._numbers = numbers

    def write(
        self, state: PartitionState, lane: Lane, work: Work, ending: Ending, now: Now
    ) -> None:
        """Begin to write the end of a record."""
        outcome, dead_letter = conclude(work, ending, now)
        output_id = next(self._numbers)
        self._by_id[output_id] = Writing(
            state, lane, work, outcome, dead_letter, is_outcome_produced=dead_letter is None
        )
        self._produce(output_id, work, dead_letter or outcome)

    def acknowledged(self, output_id: int) -> Writing | None:
        """Note an acknowledgement; return the writing when both its outputs have theirs."""
        writing = self._by_id[output_id]
        if writing.is_outcome_produced:
            return self._by_id.pop(output_id)
        writing.is_outcome_produced = True
        self._produce(output_id, writing.work, writing.outcome)
        return None

    def _produce(self, output_id: int, work: Work, content: Outcome | DeadLetter) -> None:
        record = work.record
        self._effects.append(do.Produce(output_id, record.source.partition, record.key, content))

    def __len__(self) -> int:
        """How many ends are on their way."""
        return len(self._by_id)
