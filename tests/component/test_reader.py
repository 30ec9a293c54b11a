"""The reader: a part of a partition to its end, whatever lies there and whoever goes away.

What the brokers answer is staged with a fake consumer; the last test runs the real client against
librdkafka's in-process broker.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Self

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from processor.core.records import Partition
from processor.errors import RuntimeFailure
from processor.shell.history import reader as module
from processor.shell.history.reader import Batch, Reader
from processor.shell.settings import Kafka
from tests.support.mock_kafka import FakeClient, MockKafka, complaint, exception, places, record

TOPIC: Final = "history"
PLACE: Final = Partition(TOPIC, 0)
EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001
GONE: Final = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
AWAY: Final = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001


class FakeConsumer(FakeClient):
    """Hands over what a test has put there; its clock moves with each question."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: deque[list[Message]] = deque()
        self.bounds: deque[tuple[int, int] | BaseException] = deque()
        self.assigned: list[tuple[str, int, int]] = []
        self.made = 0
        self.now = 0.0

    def __call__(self, properties: dict[str, object]) -> Self:
        self.made += 1
        return super().__call__(properties)

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.assigned += places(partitions)

    def unassign(self) -> None:
        self.assigned.append((TOPIC, 0, -1))

    def consume(self, count: int, timeout: float) -> list[Message]:  # noqa: ARG002  as the client
        self.now += 1.0
        return self.batches.popleft() if self.batches else []

    def get_watermark_offsets(
        self, partition: TopicPartition, *, timeout: float, cached: bool
    ) -> tuple[int, int]:
        assert partition.topic == TOPIC
        assert not cached
        self.now += timeout
        answer = self.bounds.popleft()
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> FakeConsumer:
    fake = FakeConsumer()
    monkeypatch.setattr(module, "Consumer", fake)
    return fake


@pytest.fixture
def reader(consumer: FakeConsumer) -> Iterator[Reader]:
    with Reader(
        Kafka(bootstrap_servers="nowhere:1"), patience=30.0, clock=lambda: consumer.now
    ) as opened:
        yield opened


def shape(batches: Iterator[Batch]) -> list[tuple[list[int], int, int]]:
    """Return of each batch its offsets, its position, and what was gone."""
    return [
        ([each.source.offset for each in batch.records], batch.position, batch.gone)
        for batch in batches
    ]


def records(*offsets: int) -> list[Message]:
    return [record(TOPIC, 0, offset) for offset in offsets]


def test_a_part_is_read_to_its_end_and_no_further(consumer: FakeConsumer, reader: Reader) -> None:
    consumer.batches += [records(3, 4), records(5, 6, 7)]
    assert shape(reader.read(PLACE, 3, 6)) == [([3, 4], 5, 0), ([5], 6, 0)]
    assert consumer.assigned == [(TOPIC, 0, 3), (TOPIC, 0, -1)]


def test_an_empty_part_asks_nothing(consumer: FakeConsumer, reader: Reader) -> None:
    assert shape(reader.read(PLACE, 3, 3)) == []
    assert consumer.assigned == []


def test_an_end_that_holds_no_record_is_reached_by_what_comes_after_or_by_the_logs_end(
    consumer: FakeConsumer, reader: Reader
) -> None:
    consumer.batches += [records(1, 9)]
    assert shape(reader.read(PLACE, 0, 5)) == [([1], 5, 0)]
    consumer.batches += [records(1), [complaint(EOF, TOPIC, 0, 5)]]
    assert shape(reader.read(PLACE, 0, 5)) == [([1], 2, 0), ([], 5, 0)]


def test_what_was_deleted_is_counted_and_passed_over(
    consumer: FakeConsumer, reader: Reader
) -> None:
    consumer.batches += [records(0), [complaint(GONE, TOPIC, 0, 1)], records(4)]
    consumer.bounds.append((4, 9))
    assert shape(reader.read(PLACE, 0, 5)) == [([0], 1, 0), ([], 4, 3), ([4], 5, 0)]
    assert (TOPIC, 0, 4) in consumer.assigned
    consumer.batches += [[complaint(GONE, TOPIC, 0, 0)]]
    consumer.bounds.append((20, 30))
    assert shape(reader.read(PLACE, 0, 5)) == [([], 5, 5)]


def test_brokers_may_go_away_for_a_while_and_a_new_client_looks_for_them(
    consumer: FakeConsumer, reader: Reader
) -> None:
    away = [complaint(AWAY, TOPIC, 0)]
    consumer.batches += [records(0), *[away] * 15, records(1)]
    assert shape(reader.read(PLACE, 0, 2)) == [([0], 1, 0), ([1], 2, 0)]
    assert consumer.made == 2
    assert consumer.assigned[:2] == [(TOPIC, 0, 0), (TOPIC, 0, 1)]


def test_silence_is_a_failure_that_names_the_partition(reader: Reader) -> None:
    with pytest.raises(RuntimeFailure, match=r"Nothing has come of history \[0\] from offset 0"):
        shape(reader.read(PLACE, 0, 2))


def test_what_may_not_be_read_fails_at_once(consumer: FakeConsumer, reader: Reader) -> None:
    consumer.batches += [[complaint(KafkaError.TOPIC_AUTHORIZATION_FAILED, TOPIC, 0)]]
    with pytest.raises(RuntimeFailure, match="may read the topic"):
        shape(reader.read(PLACE, 0, 2))
    assert consumer.now < 5


def test_bounds_are_asked_again_while_patience_lasts(
    consumer: FakeConsumer, reader: Reader
) -> None:
    consumer.bounds += [exception(AWAY), (2, 5)]
    assert reader.bounds(PLACE) == (2, 5)
    consumer.bounds += [exception(AWAY)] * 9
    with pytest.raises(RuntimeFailure, match=r"where history \[0\] ends"):
        reader.bounds(PLACE)


def test_a_reader_that_is_closed_meanwhile_stops(consumer: FakeConsumer, reader: Reader) -> None:
    consumer.batches += [records(0), records(1)]
    batches = reader.read(PLACE, 0, 2)
    next(batches)
    reader.close()
    with pytest.raises(RuntimeFailure, match="stopped"):
        next(batches)


def test_a_real_client_reads_one_part_after_the_other() -> None:
    kafka = MockKafka()
    topic = kafka.topic()
    kafka.produce(topic, b"a", None, b"c", b"d")
    with Reader(kafka.settings(), patience=20.0) as reader:
        place = Partition(topic, 0)
        assert reader.bounds(place) == (0, 4)
        values = [each.value for batch in reader.read(place, 1, 3) for each in batch.records]
        assert values == [None, b"c"]
        first = reader.first(place, 0, 4)
        assert first is not None
        assert first.value == b"a"
        assert reader.first(Partition(topic, 1), 0, 0) is None
