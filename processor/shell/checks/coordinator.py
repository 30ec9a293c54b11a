"""What a group has committed, asked by a consumer that never joins it."""

from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from processor.shell.checks.reach import quiet
from processor.shell.kafka import clients
from processor.shell.settings import Kafka

_SOON: Final = 1.0


def committed(
    kafka: Kafka, group_id: str, asked: Sequence[TopicPartition], within: float
) -> Sequence[TopicPartition]:
    """Return the offsets, each with its own error; KafkaException when the group's are not told.

    The client keeps asking where the group may not be used, and says so among the records.
    """
    consumer = Consumer(quiet(clients.offsets_only(kafka)) | {"group.id": group_id})
    first = min(_SOON, within)
    try:
        for timeout in (first, within - first):
            try:
                return consumer.committed([*asked], timeout=timeout)
            except KafkaException as away:
                last = away
            message = consumer.poll(0)
            error = None if message is None else message.error()
            if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise KafkaException(error) from None
        raise last
    finally:
        consumer.close()
