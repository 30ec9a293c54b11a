"""Kafka without Kafka: librdkafka's in-process broker, and what a client hands over, made by hand.

The broker shows what the real client does; it proves nothing about a real broker. What depends on
who is first, or needs a client that fails, is staged with fakes of the client instead.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from processor.shell.settings import Kafka

PARTITIONS: Final = 4
"""How many partitions the in-process broker gives each topic."""

_LOG: Final = logging.getLogger("librdkafka")
_PATIENCE: Final = 10.0


class MockKafka:
    """One in-process broker, which lives as long as this value."""

    def __init__(self) -> None:
        self._cluster = Producer(
            {
                "bootstrap.servers": "in-process",
                "test.mock.num.brokers": 1,
                "enable.idempotence": True,
                "logger": _LOG,
            }
        )
        broker = next(iter(self._cluster.list_topics(timeout=_PATIENCE).brokers.values()))
        self.bootstrap_servers = f"{broker.host}:{broker.port}"

    def settings(self, **changes: Any) -> Kafka:  # noqa: ANN401  any setting of the group
        """Return settings that lead here, with a consumer group of their own."""
        given = {"group_id": f"group-{uuid4().hex[:8]}"} | changes
        return Kafka(bootstrap_servers=self.bootstrap_servers, **given)

    def topic(self, name: str = "topic") -> str:
        """Create a topic that no other test uses; return its name."""
        unique = f"{name}-{uuid4().hex[:8]}"
        self._cluster.list_topics(unique, timeout=_PATIENCE)
        return unique

    def produce(self, topic: str, *values: bytes | None, partition: int = 0) -> None:
        """Append records to a partition, and wait until they are there."""
        for value in values:
            self._cluster.produce(topic, value, b"key", partition)
        if self._cluster.flush(_PATIENCE):
            raise TimeoutError("the in-process broker did not take all records")

    def read(self, topic: str, count: int) -> list[Message]:
        """Return the first records of a topic's partition 0."""
        with self.consumer("reader") as consumer:
            consumer.assign([TopicPartition(topic, 0, 0)])
            return consumer.consume(count, _PATIENCE)

    @contextmanager
    def consumer(self, group: str) -> Iterator[Consumer]:
        """Give a plain consumer, to look at topics and at a group's offsets."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": group,
                "enable.auto.commit": False,
                "logger": _LOG,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> list[int]:
        """Return a group's offsets of a topic, by partition number."""
        asked = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        with self.consumer(group) as consumer:
            return [each.offset for each in consumer.committed(asked, timeout=_PATIENCE)]

    def commit(self, group: str, topic: str, *offsets: int, metadata: str = "") -> None:
        """Commit a group's offsets of the first partitions of a topic."""
        positions = [
            TopicPartition(topic, number, offset, metadata) for number, offset in enumerate(offsets)
        ]
        with self.consumer(group) as consumer:
            consumer.commit(offsets=positions, asynchronous=False)


@dataclass
class Position:
    """What a client says of a partition: a TopicPartition whose error can be chosen."""

    topic: str
    partition: int
    offset: int = 0
    metadata: str | None = None
    error: KafkaError | None = None


def error(code: int, text: str = "told by the test", *, fatal: bool = False) -> KafkaError:
    """Return an error of the client."""
    return KafkaError(code, text, fatal)


def exception(code: int, text: str = "told by the test") -> KafkaException:
    """Return an error of the client, to be raised."""
    return KafkaException(error(code, text))


def record(topic: str, partition: int, offset: int, value: bytes | None = b"value") -> Message:
    """Return a record as the client hands it over."""
    return Message(topic=topic, partition=partition, offset=offset, value=value)


def complaint(code: int, topic: str, partition: int, offset: int = 0) -> Message:
    """Return an error as the client hands it over among the records."""
    return Message(topic=topic, partition=partition, offset=offset, error=error(code))


class FakeClient:
    """What fakes of consumers have in common: made as a client is, with its properties."""

    def __init__(self) -> None:
        self.properties: dict[str, Any] = {}
        self.is_closed = False

    def __call__(self, properties: dict[str, Any]) -> Self:
        """Stand in for the client's class."""
        self.properties = properties
        return self

    def close(self) -> None:
        self.is_closed = True


def places(partitions: Sequence[TopicPartition]) -> list[tuple[str, int, int]]:
    """Return positions as plain values."""
    return [(each.topic, each.partition, each.offset) for each in partitions]
