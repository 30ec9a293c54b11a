"""Ledgers, read back from the results topic for whoever plans."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from processor.core.events import Pending, Undecodable
from processor.core.ledger import Ledger
from processor.core.outcomes import OutcomeView
from processor.core.records import Partition
from processor.errors import RuntimeFailure
from processor.shell.clock import now
from processor.shell.history.reader import Reader
from processor.shell.outputs import Foreign
from processor.shell.settings import Topics

_LOOKED_AT: Final = 64
"""Outcomes of one partition come about in the order of their records, but not quite."""

Read = Callable[[bytes], OutcomeView | Pending | Foreign | Undecodable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The ledger of a partition, up to the end that it had when it was read.

    Whether events from before `forgets_before` (epoch milliseconds) were worked, nobody knows.
    """

    ledger: Ledger
    forgets_before: int


class Ledgers:
    """Reads ledgers. Each is as long in memory as somebody keeps it: about 1 KB an order."""

    def __init__(self, reader: Reader, topics: Topics, read: Read, partitions: int) -> None:
        """`read` decodes an outcome; nothing else uses `reader` while a ledger is read.

        `partitions` is how many the results have.
        """
        self._reader = reader
        self._topics = topics
        self._read = read
        self._partitions = partitions
        self._first_worked_at: int | None = None

    def restore(self, number: int) -> Restored:
        """Return the ledger of a partition. Blocks; RuntimeFailure when it cannot be read."""
        topics = self._topics
        ledger = Ledger(topics.cart_abandoned)
        for topic in (topics.order_paid, topics.cart_abandoned, topics.replay):
            ledger.forget_done(topic, sys.maxsize)  # nothing is redelivered to us
        place = Partition(topics.results, number)
        begin, end = self._reader.bounds(place)
        if begin > 0:
            first = self._reader.first(place, begin, end)
            at = None if first is None else first.source.timestamp
            forgets_before = _now() if at is None else at
        else:
            forgets_before = self._first_worked()
        for outcome in self.outcomes(place, begin, end):
            ledger.learn(outcome)
        return Restored(ledger=ledger, forgets_before=forgets_before)

    def _first_worked(self) -> int:
        """Return when the first records were written of which there are outcomes.

        A topic that begins with its first offset looks complete. It need not be: it may have been
        created anew, on this cluster or on another one. What is older than all that it tells of
        may have been worked by whoever was there before.
        """
        if self._first_worked_at is None:
            written = [
                outcome.source.timestamp
                for number in range(self._partitions)
                for outcome in self._first(Partition(self._topics.results, number))
                if outcome.source.timestamp is not None
            ]
            self._first_worked_at = min(written, default=_now())
        return self._first_worked_at

    def _first(self, place: Partition) -> Iterable[OutcomeView]:
        begin, end = self._reader.bounds(place)
        return () if begin > 0 else self.outcomes(place, begin, min(end, _LOOKED_AT))

    def outcomes(self, place: Partition, begin: int, end: int) -> Iterable[OutcomeView]:
        """Yield the outcomes that lie in a part of the results topic."""
        for batch in self._reader.read(place, begin, end):
            for record in batch.records:
                if record.value is None:
                    continue
                view = self._read(record.value)
                match view:
                    case OutcomeView():
                        yield view
                        continue
                    case Foreign():
                        continue
                    case Undecodable(detail=why):
                        pass
                    case Pending(schema=schema):
                        why = f"the registry does not tell schema {schema}."
                raise RuntimeFailure(
                    f"The outcome at {place.topic} [{place.number}] offset "
                    f"{record.source.offset} cannot be read: {why} Without it an order could be "
                    "called twice. Check which schema the registry has for it."
                )


def _now() -> int:
    return now().wall_ms
