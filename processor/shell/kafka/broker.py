"""The broker, asked about topics and where they end."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from functools import partial

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ListOffsetsResultInfo,
    OffsetSpec,
    ResourceType,
)

from processor.core.records import Partition
from processor.shell.kafka import clients
from processor.shell.settings import Kafka

Ends = Mapping[Partition, int]


class Broker:
    """Questions to the cluster that are not about our own group. Safe to use from any thread."""

    def __init__(self, kafka: Kafka) -> None:
        """Prepare; nothing is sent yet."""
        self._admin = AdminClient(clients.common(kafka))

    def partitions(self, topics: Collection[str], timeout: float) -> Mapping[str, int | None]:
        """Return how many partitions each topic has, None where there is no such topic.

        Blocks up to `timeout` seconds; KafkaException when the brokers do not answer.
        """
        known = self._admin.list_topics(timeout=timeout).topics
        return {
            topic: len(known[topic].partitions)
            if topic in known and known[topic].error is None
            else None
            for topic in topics
        }

    def config(self, topic: str, timeout: float) -> Mapping[str, str | None]:
        """Return a topic's settings; empty where we may not, or cannot, read them. Blocks."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        try:
            asked = self._admin.describe_configs([resource], request_timeout=timeout)
            entries = asked[resource].result(timeout=timeout)
        except (KafkaException, TimeoutError):
            return {}
        return {name: entry.value for name, entry in entries.items()}

    def ends(self, partitions: Collection[Partition], timeout: float) -> Ends:
        """Return where partitions end: their last stable offsets. Blocks.

        KafkaException or TimeoutError when the brokers do not answer.
        """
        futures = self._list_offsets(partitions, timeout)
        wait(futures.values(), timeout=timeout)
        return {partition: future.result(timeout=0).offset for partition, future in futures.items()}

    def ask_ends(
        self,
        partitions: Collection[Partition],
        timeout: float,
        answer: Callable[[Partition, int | None], None],
    ) -> None:
        """Ask where partitions end; `answer` gets each, from another thread. None: no answer."""

        def answered(partition: Partition, future: "Future[ListOffsetsResultInfo]") -> None:
            failed = future.cancelled() or future.exception() is not None
            answer(partition, None if failed else future.result().offset)

        for partition, future in self._list_offsets(partitions, timeout).items():
            future.add_done_callback(partial(answered, partition))

    def _list_offsets(
        self, partitions: Collection[Partition], timeout: float
    ) -> dict[Partition, "Future[ListOffsetsResultInfo]"]:
        asked = {TopicPartition(*partition): OffsetSpec.latest() for partition in partitions}
        futures = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=timeout
        )
        return {Partition(each.topic, each.partition): futures[each] for each in futures}
