"""Ledgers, read back from the results topic for whoever plans."""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from processor.core.events import Pending, Undecodable
from processor.core.ledger import Ledger
from processor.core.outcomes import OutcomeView
from processor.core.records import Partition
from processor.errors import RuntimeFailure
from processor.shell.history.reader import Reader
from processor.shell.outputs import Foreign
from processor.shell.settings import Topics

Read = Callable[[bytes], OutcomeView | Pending | Foreign | Undecodable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The ledger of a partition, up to the end that it had when it was read.

    `forgets_before` (epoch milliseconds) is None while all outcomes are there; otherwise older
    ones than that have been deleted from the topic.
    """

    ledger: Ledger
    forgets_before: int | None


class Ledgers:
    """Reads ledgers. Each is as long in memory as somebody keeps it: about 1 KB an order."""

    def __init__(self, reader: Reader, topics: Topics, read: Read) -> None:
        """`read` decodes an outcome; nothing else uses `reader` while a ledger is read."""
        self._reader = reader
        self._topics = topics
        self._read = read

    def restore(self, number: int) -> Restored:
        """Return the ledger of a partition. Blocks; RuntimeFailure when it cannot be read."""
        topics = self._topics
        ledger = Ledger(topics.cart_abandoned)
        for topic in (topics.order_paid, topics.cart_abandoned, topics.replay):
            ledger.forget_done(topic, sys.maxsize)  # nothing is redelivered to us
        place = Partition(topics.results, number)
        begin, end = self._reader.bounds(place)
        forgets_before = None
        if begin > 0:
            forgets_before = int(time.time() * 1_000)
            first = self._reader.first(place, begin, end)
            if first is not None and first.source.timestamp is not None:
                forgets_before = first.source.timestamp
        for outcome in self.outcomes(place, begin, end):
            ledger.learn(outcome)
        return Restored(ledger=ledger, forgets_before=forgets_before)

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
