"""Looking up and reconciling over topics in memory: what is read, and what is said of its holes."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Final, cast
from zlib import crc32

import pytest

from processor.core.partitioners import murmur2
from processor.core.reconciliation import Trouble, Window
from processor.core.records import Partition, Record, Source
from processor.core.vocabulary import CartId, EventId, OrderId
from processor.core.windows import Log
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.framing import prefix
from processor.shell.history import lookup, reconciliation
from processor.shell.history.cluster import Cluster
from processor.shell.history.lookup import Lookup
from processor.shell.history.reader import Batch, Reader
from processor.shell.history.reconciliation import Reconciler, Report
from processor.shell.history.tellings import Found
from processor.shell.settings import Kafka
from tests.support.codec import PAID, datum_of, framed, schema_of
from tests.support.recorded import (
    CONFIRMED,
    IDS,
    PAID_VALUE,
    REFUSED,
    SETTINGS,
    TOPICS,
    known,
    letter,
    result,
)

PARTITIONS: Final = 8
UNREADABLE: Final = prefix(IDS["RoktCallOutcome"]) + b"\xff"
UNREADABLE_LETTER: Final = prefix(IDS["DeadLetter"]) + b"\xff"
ANY: Final = Window(since=0, until=2**50)


@dataclass
class Topics:
    """Topics in memory, and what the brokers say of them."""

    partitions: int = PARTITIONS
    records: defaultdict[Partition, list[Record]] = field(default_factory=lambda: defaultdict(list))
    begins: dict[Partition, int] = field(default_factory=dict)
    committed: int | None = 1_000
    odd: str | None = None
    reads: list[Partition] = field(default_factory=list)

    def put(self, number: int, *records: Record) -> None:
        """Put records into partition `number` of their topics, in order."""
        for record in records:
            place = Partition(record.source.topic, number)
            offset = self.bounds(place)[1]
            source = Source(place.topic, number, offset, record.source.timestamp)
            self.records[place].append(replace(record, source=source))

    def bounds(self, place: Partition) -> tuple[int, int]:
        begin = self.begins.get(place, 0)
        return begin, begin + len(self.records[place])

    def at(self, place: Partition, timestamp: int) -> int | None:
        times = ((r.source.timestamp or 0, r.source.offset) for r in self.records[place])
        return next((offset for time, offset in times if time >= timestamp), None)

    def first(self, place: Partition, begin: int, end: int) -> Record | None:
        return next((r for r in self.records[place] if begin <= r.source.offset < end), None)

    def read(self, place: Partition, begin: int, end: int) -> Iterator[Batch]:
        self.reads.append(place)
        found = (r for r in self.records[place] if begin <= r.source.offset < end)
        yield Batch(records=tuple(found), position=end)

    def look(self, _: Kafka, names: Collection[str]) -> Cluster:
        counts = {name: self.partitions + (name == self.odd) for name in names}
        return Cluster(cluster_id="c", topic_ids={}, counts=counts)

    def logs(self, _: Kafka, places: Collection[Partition]) -> Mapping[Partition, Log]:
        def log(place: Partition) -> Log:
            begin, end = self.bounds(place)
            return Log(begin=begin, end=end, committed=self.committed)

        return {place: log(place) for place in places}


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    """Topics in memory, in the place of those that the brokers have."""
    stage = Topics()
    modules: tuple[ModuleType, ...] = (lookup, reconciliation)
    for module in modules:
        monkeypatch.setattr(module, "look", stage.look)
        monkeypatch.setattr(module, "logs", stage.logs)
    return stage


def payment(order: str = "o-1", cart: str = "c-1", **changes: Any) -> Record:  # noqa: ANN401
    event = replace(
        PAID, order_id=OrderId(order), cart_id=CartId(cart), event_id=EventId(f"of-{order}")
    )
    value = framed(schema_of("OrderPaid"), datum_of(event), IDS["OrderPaid"])
    record = Record(Source(TOPICS.order_paid, 0, 0, 1_000), cart.encode(), value)
    return replace(record, **changes)


def reconcile(topics: Topics, window: Window = ANY) -> Report:
    reconciler = Reconciler(SETTINGS, cast("Reader", topics), known)
    return reconciler.reconcile(window, 10, lambda _number, _count: None)


def find(topics: Topics) -> Lookup:
    return Lookup(SETTINGS, cast("Reader", topics), known, lambda _place: None)


def told(found: Found) -> list[str | None]:
    """Return the events and orders that were found, in order."""
    seen = [each.ids.event_id for each in found.seen]
    lettered = [each.ids.order_id for each in found.lettered]
    return [*seen, *lettered, *(each.ids.order_id for each in found.ended)]


# Reconciling


def test_an_outcome_that_cannot_be_read_ends_it(topics: Topics) -> None:
    topics.put(3, replace(result(0, CONFIRMED), value=UNREADABLE))
    with pytest.raises(RuntimeFailure, match=r"The outcome at rokt-results \[3\] offset 0 cannot"):
        reconcile(topics)


def test_a_dead_letter_that_cannot_be_read_is_noted(topics: Topics) -> None:
    topics.put(3, replace(letter(0, REFUSED), value=UNREADABLE_LETTER))
    (note,) = reconcile(topics).notes
    assert note.startswith("The dead letter at rokt-dead-letters [3] offset 0 cannot be read")


def test_what_nobody_like_us_has_written_is_passed_over(topics: Topics) -> None:
    foreign = [replace(each, value=b"junk") for each in (result(0, CONFIRMED), letter(0, REFUSED))]
    empty = [replace(each, value=None) for each in foreign]
    topics.put(3, *foreign, *empty)
    report = reconcile(topics)
    assert (report.counts, report.notes) == ({}, [])


def test_only_payments_of_the_window_are_compared_in_whichever_order_they_lie(
    topics: Topics,
) -> None:
    times = (5_000, 1_000, 5_001, 9_000, 4_999, 6_000)
    for number, time in enumerate(times):
        topics.put(0, payment(f"o-{number}", source=Source(TOPICS.order_paid, 0, 0, time)))
    report = reconcile(topics, Window(since=5_000, until=6_000))
    assert [each.order_id for each in report.listed[Trouble.LOST]] == ["o-0", "o-2"]
    assert report.payments == 2


def test_deleted_records_are_said_where_they_matter(topics: Topics) -> None:
    topics.begins = {Partition(TOPICS.order_paid, 2): 7, Partition(TOPICS.results, 5): 9}
    topics.put(2, payment(), payment(source=Source(TOPICS.order_paid, 0, 0, 2_000)))
    assert [note.split(":")[0] for note in reconcile(topics).notes] == [
        "order-paid [2] begins at offset 7",
        "rokt-results [5] begins at offset 9",
    ]
    late = reconcile(topics, Window(since=1_001, until=9_000))
    assert [note.split(":")[0] for note in late.notes] == ["rokt-results [5] begins at offset 9"]


def test_the_results_are_read_twice_only_where_something_is_suspected(topics: Topics) -> None:
    topics.put(1, result(0, CONFIRMED))
    reconcile(topics)
    assert topics.reads.count(Partition(TOPICS.results, 1)) == 1


def test_a_group_that_has_no_offsets_is_no_measure(topics: Topics) -> None:
    topics.committed = None
    with pytest.raises(ConfigurationError, match="has no offset for order-paid"):
        reconcile(topics)


def test_topics_of_different_counts_cannot_be_compared(topics: Topics) -> None:
    topics.odd = TOPICS.results
    with pytest.raises(ConfigurationError, match="rokt-results has 9"):
        reconcile(topics)


# Looking up


@pytest.mark.parametrize("partitioner", [murmur2, crc32])
def test_a_cart_is_found_wherever_a_common_partitioner_puts_it(
    topics: Topics,
    partitioner: Any,  # noqa: ANN401
) -> None:
    topics.put(partitioner(b"c-1") % PARTITIONS, payment(), result(0, CONFIRMED))
    assert told(find(topics).of_cart("c-1")) == ["of-o-1", "o-1"]
    assert len(topics.reads) <= 2 * 5


def test_what_names_the_cart_under_another_key_is_found_too(topics: Topics) -> None:
    topics.put(murmur2(b"c-1") % PARTITIONS, payment(key=b"else"), payment("o-2", "c-2"))
    assert told(find(topics).of_cart("c-1")) == ["of-o-1"]


def test_what_another_cart_has_done_to_its_order_is_found_too(topics: Topics) -> None:
    number = murmur2(b"c-1") % PARTITIONS
    other = replace(CONFIRMED, cart_id="c-2")
    topics.put(number, payment(), replace(result(0, other), key=b"c-2"))
    topics.put(number, replace(result(0, replace(other, order_id="o-12")), key=b"c-2"))
    assert told(find(topics).of_cart("c-1")) == ["of-o-1", "o-1"]


def test_an_id_that_only_looks_like_another_is_not_found(topics: Topics) -> None:
    topics.put(murmur2(b"c-1") % PARTITIONS, payment("o-1", "c-11"))
    assert not find(topics).of_cart("c-1")


@pytest.mark.parametrize("text", ["c-1", "o-1", "of-o-1"])
def test_everywhere_finds_carts_orders_and_events(topics: Topics, text: str) -> None:
    topics.put(5, payment(), result(0, CONFIRMED), payment("o-2", "c-2"))
    topics.put(6, payment("o-12", "c-12"))
    assert told(find(topics).everywhere(text)) == ["of-o-1", "o-1"]


def test_a_record_without_a_key_is_found_by_where_it_lies(topics: Topics) -> None:
    keyless = replace(result(0, replace(CONFIRMED, cart_id=None, order_id=None)), key=None)
    topics.put(0, Record(PAID_SOURCE, None, b"garbage"), keyless, payment("o-2", "c-2"))
    origin, found = find(topics).of_record((TOPICS.order_paid, 0, 0))
    assert origin == (TOPICS.order_paid, 0, 0)
    assert (len(found.seen), len(found.ended)) == (1, 1)


PAID_SOURCE: Final = Source(TOPICS.order_paid, 0, 0, 1_000)


def test_a_record_that_is_gone_is_found_by_what_tells_of_it(topics: Topics) -> None:
    topics.begins = {Partition(TOPICS.order_paid, 0): 1}
    topics.put(0, letter(0, REFUSED), result(0, REFUSED))
    origin, found = find(topics).of_record((TOPICS.order_paid, 0, 0))
    assert (origin, told(found)) == ((TOPICS.order_paid, 0, 0), ["o-1", "o-1"])
    assert found.notes == ["order-paid [0] begins at offset 1: what was before is gone."]


def test_what_tells_of_a_record_leads_to_it(topics: Topics) -> None:
    topics.put(0, payment(), letter(0, REFUSED), result(0, REFUSED))
    for topic in (TOPICS.dead_letters, TOPICS.results):
        origin, found = find(topics).of_record((topic, 0, 0))
        assert (origin, told(found)) == ((TOPICS.order_paid, 0, 0), ["of-o-1", "o-1", "o-1"])


def test_what_lies_under_the_key_and_cannot_be_read_is_noted(topics: Topics) -> None:
    number = murmur2(b"c-1") % PARTITIONS
    topics.put(number, payment(), replace(result(0, CONFIRMED), value=UNREADABLE))
    (note,) = find(topics).of_cart("c-1").notes
    assert note.startswith(f"rokt-results:{number}:0 cannot be read: ")


def test_where_outcomes_were_deleted_the_oldest_one_left_counts(topics: Topics) -> None:
    number = murmur2(b"c-1") % PARTITIONS
    topics.begins = {Partition(TOPICS.results, number): 4}
    topics.put(number, payment(value=PAID_VALUE), result(7, CONFIRMED))
    assert find(topics).of_cart("c-1").forgets_before == 1_700_000_000_507


def test_coordinates_are_those_of_our_topics_and_all_else_is_an_id(topics: Topics) -> None:
    read = find(topics).coordinates
    assert read("order-paid:3:42") == ("order-paid", 3, 42)
    assert read("rokt-results:0:0") == ("rokt-results", 0, 0)
    assert [read(text) for text in ("o:1:2", "order-paid:3", "order-paid:a:1", "c-1")] == [None] * 4
    with pytest.raises(ConfigurationError, match="has no partition 8: it has 8"):
        read("order-paid:8:0")
