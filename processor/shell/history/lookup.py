"""Looking up: all that the topics hold of a cart, an order or a record.

A cart's records lie where its key leads: at most two partition numbers are read, one for each
common partitioner. Who knows no cart has everything read.
"""

from collections.abc import Callable, Collection, Iterator
from zlib import crc32

from processor.core.partitioners import murmur2
from processor.core.records import Partition, Record
from processor.core.timeline import read_place
from processor.core.windows import Log
from processor.errors import ConfigurationError
from processor.shell.decoding import Schemas
from processor.shell.history.cluster import logs, look
from processor.shell.history.reader import Reader
from processor.shell.history.tellings import (
    Coordinates,
    Found,
    Ids,
    Seen,
    Teller,
    Telling,
    Unread,
)
from processor.shell.settings import Connections


class _Wanted:
    """What is looked for: carts, by key and in values; their orders; origins without a key."""

    def __init__(self, keys: Collection[bytes], origins: Collection[Coordinates]) -> None:
        self.keys = frozenset(keys)
        self._origins = frozenset(origins)
        self._carts = {key.decode(errors="replace") for key in keys}
        self._orders: set[str] = set()
        self._needles = {key for key in keys if key}

    def learn_order(self, order_id: str | None) -> None:
        """Look for an order from now on, under whichever cart."""
        if order_id:
            self._orders.add(order_id)
            self._needles.add(as_bytes(order_id))

    def may_be(self, record: Record) -> bool:
        """Whether a record is worth decoding: ids stand in Avro as they are."""
        if self._origins or record.key in self.keys:
            return True
        value = record.value or b""
        return any(needle in value for needle in self._needles)

    def is_this(self, record: Record, telling: Telling) -> bool:
        """Whether a record is one of those, by what it tells."""
        ids = telling.ids
        return (
            record.key in self.keys
            or ids.cart_id in self._carts
            or ids.order_id in self._orders
            or telling.origin[:3] in self._origins
        )


class Lookup:
    """Reads the topics for whoever looks back."""

    def __init__(
        self,
        settings: Connections,
        reader: Reader,
        schemas: Schemas,
        on_progress: Callable[[Partition], None],
    ) -> None:
        """`schemas` has to know those of the history's readers. Asks the cluster; blocks."""
        topics = settings.topics
        self._kafka = settings.kafka
        self._reader = reader
        self._on_progress = on_progress
        self._teller = Teller(topics, schemas)
        self._order_paid, self._results = topics.order_paid, topics.results
        inputs = (topics.order_paid, topics.cart_abandoned, topics.replay)
        self._names = (*inputs, topics.dead_letters, topics.results)
        self._counts = look(self._kafka, self._names).counts
        missing = [name for name in self._names if name not in self._counts]
        if [name for name in missing if name != topics.replay]:
            raise ConfigurationError(
                f"Missing topics: {', '.join(missing)}. Name the right ones in "
                "PROCESSOR_TOPICS__…, and check that the user may see them."
            )

    def coordinates(self, text: str) -> Coordinates | None:
        """Return which record a text names; None when it names none of ours: it is an id."""
        place = read_place(text)
        if place is None or place[0] not in self._names:
            return None
        topic, number, _ = place
        count = self._counts.get(topic, 0)
        if number >= count:
            raise ConfigurationError(f"{topic} has no partition {number}: it has {count}.")
        return place

    def what_is_at(self, place: Coordinates) -> str:
        """Say which records are there, where nothing is known of one."""
        topic, number, offset = place
        begin, end = self._reader.bounds(Partition(topic, number))
        if begin <= offset < end:
            return f"{topic} [{number}] holds nothing of ours at offset {offset}."
        holds = f"holds offsets {begin} to {end - 1}" if begin < end else "is empty"
        return f"There is no {topic}:{number}:{offset}: the log of {topic} [{number}] {holds}."

    def why_no_record(self, text: str) -> str | None:
        """Say why a text that looks like a record's place is taken for an id; None: it does not."""
        place = read_place(text)
        if place is None or place[0] in self._names:
            return None
        return f"It names no record either: the topics are {', '.join(self._names)}."

    def of_cart(self, cart_id: str) -> Found:
        """Return what lies where a cart's key leads."""
        key = as_bytes(cart_id)
        return self._read(self.numbers_of(key), _Wanted({key}, ()))

    def of_record(self, place: Coordinates) -> tuple[Coordinates, Found]:
        """Return the input that a record is, or tells of, and all that is found of its cart."""
        topic, number, offset = place
        partition = Partition(topic, number)
        begin, end = self._reader.bounds(partition)
        record = None
        if begin <= offset < end:
            record = self._reader.first(partition, offset, offset + 1)
        if record is None:
            return place, self._read({number}, _Wanted((), {place}))
        telling = self._teller.tell(record)
        origin = place if isinstance(telling, Unread) else telling.origin[:3]
        if record.key is None:
            return origin, self._read({number}, _Wanted((), {origin}))
        numbers = {number, *self.numbers_of(record.key)}
        return origin, self._read(numbers, _Wanted({record.key}, ()))

    def everywhere(self, text: str) -> Found:
        """Return all of the carts that have to do with an id: a cart's, an order's, an event's."""
        needle = as_bytes(text)
        numbers, keys, origins = set(), set(), set()
        for partition in self._partitions(range(max(self._counts.values()))):
            for record in self._records(partition):
                if record.key != needle and needle not in (record.value or b""):
                    continue
                telling = self._teller.tell(record)
                ids = Ids(None, None, None) if isinstance(telling, Unread) else telling.ids
                if record.key != needle and text not in ids:
                    continue
                numbers.add(partition.number)
                if record.key is not None:
                    keys.add(record.key)
                elif not isinstance(telling, Unread):
                    origins.add(telling.origin[:3])
        return self._read(numbers, _Wanted(keys, origins))

    def size(self) -> int:
        """Return how many records everything is, at most."""
        known = logs(self._kafka, self._partitions(range(max(self._counts.values()))))
        return sum(log.end - log.begin for log in known.values())

    def numbers_of(self, key: bytes) -> set[int]:
        """Return the partition numbers that the common partitioners give a key."""
        count = self._counts[self._order_paid]
        return {murmur2(key) % count, crc32(key) % count}

    def _partitions(self, numbers: Collection[int]) -> list[Partition]:
        """Return the partitions of those numbers, of each the inputs first: they name orders."""
        return [
            Partition(topic, number)
            for number in sorted(numbers)
            for topic in self._names
            if number < self._counts.get(topic, 0)
        ]

    def _read(self, numbers: Collection[int], wanted: _Wanted) -> Found:
        found = Found()
        if not numbers:
            return found
        found.logs.update(logs(self._kafka, self._partitions(numbers)))
        for partition, log in found.logs.items():
            if log.begin > 0:
                found.notes.append(_cut_off(partition, log))
                if partition.topic == self._results:
                    found.forgets_before = self._oldest(partition, log, found.forgets_before)
            for record in self._records(partition):
                if wanted.may_be(record):
                    self._take(found, wanted, record)
        return found

    def _oldest(self, results: Partition, log: Log, known: int | None) -> int | None:
        """Return when the oldest outcome was written that every partition still has."""
        first = self._reader.first(results, log.begin, log.end)
        at = None if first is None else first.source.timestamp
        return max((moment for moment in (at, known) if moment is not None), default=None)

    def _take(self, found: Found, wanted: _Wanted, record: Record) -> None:
        """Keep what a record tells if it is wanted after all."""
        telling = self._teller.tell(record)
        if isinstance(telling, Unread):
            if telling.why is not None and record.key in wanted.keys:
                topic, number, offset, _ = record.source
                found.notes.append(f"{topic}:{number}:{offset} cannot be read: {telling.why}")
        elif wanted.is_this(record, telling):
            found.add(telling)
            if isinstance(telling, Seen):
                wanted.learn_order(telling.ids.order_id)

    def _records(self, partition: Partition) -> Iterator[Record]:
        self._on_progress(partition)
        begin, end = self._reader.bounds(partition)  # a client that has asked finds it at once
        for batch in self._reader.read(partition, begin, end):
            yield from batch.records


def as_bytes(text: str) -> bytes:
    """Return the bytes of an id; those that somebody typed and that are no UTF-8 as they were."""
    return text.encode(errors="surrogateescape")


def _cut_off(partition: Partition, log: Log) -> str:
    topic, number = partition
    return f"{topic} [{number}] begins at offset {log.begin}: what was before is gone."
