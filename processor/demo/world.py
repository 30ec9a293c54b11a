"""The world around the processor: a broker, a registry and a Rokt, all of this process."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from processor.core.events import CartAbandoned, OrderPaid
from processor.core.vocabulary import Operation
from processor.demo import events
from processor.demo.catalog import SAMPLE_TAG
from processor.demo.samples import Sample
from processor.errors import RuntimeFailure
from processor.fake_rokt import SAMPLE_API_KEY, FakeRokt
from processor.fake_rokt import Settings as RoktSettings
from processor.shell import schemas
from processor.shell.registry import Registry
from processor.shell.settings import Topics

TOPICS: Final = Topics()
ALL_TOPICS: Final = (
    TOPICS.order_paid,
    TOPICS.cart_abandoned,
    TOPICS.results,
    TOPICS.dead_letters,
)
LOGGER: Final = logging.getLogger("librdkafka")
_REGISTRY: Final = "mock://demo"
_LATENCY: Final = (0.02, 0.08)
_KEPT: Final = 1_000
_PATIENCE: Final = 10.0
_INPUTS: Final = {
    Operation.CONFIRM: (TOPICS.order_paid, OrderPaid.__name__),
    Operation.RELEASE: (TOPICS.cart_abandoned, CartAbandoned.__name__),
}

Coordinates = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the processor meets. `partitions` is what each topic has."""

    bootstrap_servers: str
    partitions: int
    rokt: FakeRokt
    producer: Producer
    schema_ids: Mapping[Operation, int]

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a processor that lives here, as environment variables."""
        return {
            "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "PROCESSOR_KAFKA__START": "earliest",
            "PROCESSOR_SCHEMA_REGISTRY__URL": _REGISTRY,
            "PROCESSOR_SCHEMA_REGISTRY__AUTO_REGISTER": "true",
            "PROCESSOR_ROKT__BASE_URL": self.rokt.base_url,
            "PROCESSOR_ROKT__API_KEY": SAMPLE_API_KEY,
            "PROCESSOR_ROKT__TAG_ID": SAMPLE_TAG,
            "PROCESSOR_RETRIES__CONFIRM_ATTEMPTS": "2",
            "PROCESSOR_RETRIES__CONFIRM_MIN_TIME": "0",
            "PROCESSOR_SERVER__PORT": "0",
        }

    def produce(self, samples: Sequence[Sample]) -> dict[Sample, Coordinates]:
        """Produce samples, after telling Rokt how to answer; return where each has landed."""
        landed: dict[Sample, Coordinates] = {}
        for sample in samples:
            self.rokt.rules.add(sample.rules())
            topic, _ = _INPUTS[sample.operation]
            self.producer.produce(
                topic,
                self._value(sample),
                sample.key,
                on_delivery=partial(_delivered, landed, sample),
            )
        if self.producer.flush(_PATIENCE):
            raise RuntimeFailure("The demo's broker did not take all samples.")
        return {sample: landed[sample] for sample in samples}

    def _value(self, sample: Sample) -> bytes | None:
        match sample.content:
            case OrderPaid() | CartAbandoned() as event:
                return events.write(event, self.schema_ids[sample.operation])
            case bytes() | None as value:
                return value


def _delivered(
    landed: dict[Sample, Coordinates], sample: Sample, error: KafkaError | None, message: Message
) -> None:
    if error is not None:
        raise RuntimeFailure(f"The demo's broker refused a sample: {error.str()}")
    landed[sample] = coordinates(message)


def coordinates(message: Message) -> Coordinates:
    """Return where a message lies."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise AssertionError("a message that was delivered or received lies somewhere")
    return topic, partition, offset


@contextmanager
def world() -> Iterator[World]:
    """Build a world; it ends with the context."""
    registry = Registry(_REGISTRY)
    schema_ids = {
        operation: registry.register(schemas.subject(topic), schemas.text(name))
        for operation, (topic, name) in _INPUTS.items()
    }
    # This client is the cluster itself: the cluster lives as long as it does.
    cluster = Producer(
        {
            "bootstrap.servers": "in-process",
            "test.mock.num.brokers": 1,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "logger": LOGGER,
        }
    )
    broker = next(iter(cluster.list_topics(timeout=_PATIENCE).brokers.values()))
    partitions = {_create(cluster, topic) for topic in ALL_TOPICS}
    with FakeRokt.in_thread(RoktSettings(latency=_LATENCY, keep_entries=_KEPT)) as rokt:
        yield World(
            bootstrap_servers=f"{broker.host}:{broker.port}",
            partitions=partitions.pop(),
            rokt=rokt,
            producer=cluster,
            schema_ids=schema_ids,
        )


def _create(cluster: Producer, topic: str) -> int:
    """Create a topic by asking for it; return its number of partitions."""
    return len(cluster.list_topics(topic, timeout=_PATIENCE).topics[topic].partitions)
