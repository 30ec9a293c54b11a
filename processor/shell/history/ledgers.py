"""Ledgers, read back from the results topic for whoever plans."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from processor.core.events import Pending, Undecodable
from processor.core.ledger import Ledger
from processor.core.outcomes import OutcomeView
from processor.core.records import Partition
from processor.errors import RuntimeFailure
from processor.shell.clock import now
from processor.shell.history.reader import Reader
from processor.shell.outputs import Foreign
from processor.shell.settings import Topics

Read = Callable[[bytes], OutcomeView | Pending | Foreign | Undecodable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The ledger of a partition, up to the end that it had when it was read.

    Of what was worked before `forgets_before` (epoch milliseconds) nothing need be known.
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
        self._oldest: int | None = None

    def restore(self, number: int) -> Restored:
        """Return the ledger of a partition. Blocks; RuntimeFailure when it cannot be read."""
        topics = self._topics
        ledger = Ledger(topics.cart_abandoned)
        for topic in (topics.order_paid, topics.cart_abandoned, topics.replay):
            ledger.done.forget(topic, sys.maxsize)  # nothing is redelivered to us
        place = Partition(topics.results, number)
        begin, end = self._reader.bounds(place)
        forgets_before = self._written_first(place) if begin > 0 else self._oldest_of_all()
        for outcome in self.outcomes(place, begin, end):
            ledger.learn(outcome)
        return Restored(ledger=ledger, forgets_before=forgets_before)

    def _oldest_of_all(self) -> int:
        """Return when the oldest outcome was written that any partition has.

        A topic that begins with its first offset looks complete. It need not be: it may have been
        created anew, on this cluster or on another one. What is older than all of its outcomes
        may have been worked by whoever was there before.
        """
        if self._oldest is None:
            topic = self._topics.results
            self._oldest = min(
                self._written_first(Partition(topic, number)) for number in range(self._partitions)
            )
        return self._oldest

    def _written_first(self, place: Partition) -> int:
        """Return when the oldest outcome of a partition was written; now, if it has none."""
        first = self._reader.first(place, *self._reader.bounds(place))
        at = None if first is None else first.source.timestamp
        return now().wall_ms if at is None else at

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
