"""The group: what a member learns of it by asking its consumer."""

import sys
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from processor.core.assignments import Assigned
from processor.core.records import Partition
from processor.errors import RuntimeFailure
from processor.shell.kafka.broker import Broker

_METADATA: Final = b"CGMDv2:"


def look_up(
    consumer: Consumer, broker: Broker, partitions: Sequence[TopicPartition], timeout: float
) -> list[Assigned]:
    """Ask what is committed for partitions, and where they end; blocks.

    KafkaException or TimeoutError when that is not told, RuntimeFailure where nothing is committed.
    """
    committed = consumer.committed(list(partitions), timeout=timeout)
    for each in committed:
        if each.error is not None:
            raise KafkaException(each.error)
    ends = broker.ends([Partition(each.topic, each.partition) for each in partitions], timeout)
    without = [each for each in committed if each.offset < 0]
    if without:
        raise RuntimeFailure(
            f"The group has no offset for {without[0].topic} [{without[0].partition}]. If "
            "partitions were added, carts have moved away from their ledgers, and orders could be "
            "confirmed twice: work the old topics off with the old count, then go on with new "
            "topics and a new group. If the offset was deleted, the topic perhaps with it, or has "
            "expired: start again with PROCESSOR_KAFKA__START to say where to begin."
        )
    return [
        Assigned(
            partition=(partition := Partition(each.topic, each.partition)),
            committed=each.offset,
            metadata=each.metadata,
            end=ends[partition],
        )
        for each in committed
    ]


def is_member(consumer: Consumer) -> bool:
    """Whether the group has given this consumer a generation.

    librdkafka writes it after the mark of its format, as four bytes in the machine's order;
    -1 while there is none. Under KIP-848 no callback tells a member that it owns nothing.
    """
    metadata = consumer.consumer_group_metadata() or b""
    if not metadata.startswith(_METADATA):
        return False
    return int.from_bytes(metadata[len(_METADATA) :][:4], sys.byteorder, signed=True) > 0
