"""First offsets: where a group begins that has committed none, and in what counts it has."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from processor.core import horizon
from processor.core.records import Partition
from processor.errors import ConfigurationError
from processor.shell.inputs import inputs
from processor.shell.kafka.broker import Broker
from processor.shell.settings import Settings

_LOG: Final = structlog.get_logger(__name__)
_ANSWER_WITHIN: Final = 5.0


def commit_start(
    settings: Settings, broker: Broker, consumer: Consumer, *, lane: str | None, partitions: int
) -> None:
    """Commit an offset for each partition of the inputs, and of the lane, that has none.

    `lane` is the topic of the replay lane, None while it is off. KafkaException when Kafka does
    not answer; ConfigurationError where nobody has said where to begin.
    """
    topics = (*inputs(settings.topics), lane) if lane is not None else inputs(settings.topics)
    asked = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
    committed = consumer.committed(asked, timeout=_ANSWER_WITHIN)
    for each in committed:
        if each.error is not None:  # not told is not the same as not there
            raise KafkaException(each.error)
    _check_count(settings, committed, partitions)
    without = [Partition(each.topic, each.partition) for each in committed if each.offset < 0]
    if not without:
        return
    live = [partition for partition in without if partition.topic != lane]
    start = settings.kafka.start
    if live and start is None:
        live_inputs = partitions * len(inputs(settings.topics))
        raise ConfigurationError(_start_is_needed(settings, live, live_inputs))
    positions = {
        **_positions(start or "earliest", live, broker, consumer),
        # Nobody else writes there: a lane that is new to the group is worked from its beginning.
        **_positions("earliest", [one for one in without if one.topic == lane], broker, consumer),
    }
    consumer.commit(
        offsets=[
            TopicPartition(*partition, offset, _metadata(offset, partitions))
            for partition, offset in positions.items()
        ],
        asynchronous=False,
    )
    if live:
        _LOG.info("group begins", start=str(start), partitions=len(live))


def _check_count(settings: Settings, committed: Sequence[TopicPartition], partitions: int) -> None:
    for each in committed:
        known = horizon.read(each.metadata) if each.offset >= 0 else None
        if known is not None and known.partitions != partitions:
            raise ConfigurationError(
                f"The inputs had {known.partitions} partitions when group "
                f"{settings.kafka.group_id} last committed, and have {partitions} now. Carts have "
                "moved to other partitions, whose ledgers know nothing of them, so orders could "
                "be confirmed twice: work the old topics off with the old count, then go on with "
                "new topics and a new group."
            )


def _start_is_needed(settings: Settings, without: Sequence[Partition], inputs_: int) -> str:
    which = (
        f"Group {settings.kafka.group_id} has no offsets yet"
        if len(without) == inputs_
        else f"Group {settings.kafka.group_id} has no offset for {without[0].topic} "
        f"[{without[0].number}] and {len(without) - 1} more"
    )
    return (
        f"{which}: set PROCESSOR_KAFKA__START to where it is to begin. `earliest` confirms all "
        "orders that the topics still hold, `latest` only those that come from now on, a time "
        "such as 2026-01-31T00:00:00Z those since then. It is needed for the first start only."
    )


def _positions(
    start: str | datetime, partitions: Sequence[Partition], broker: Broker, consumer: Consumer
) -> Mapping[Partition, int]:
    if start == "earliest":
        return {
            partition: consumer.get_watermark_offsets(
                TopicPartition(*partition), timeout=_ANSWER_WITHIN, cached=False
            )[0]
            for partition in partitions
        }
    if not partitions:
        return {}
    ends = broker.ends(partitions, _ANSWER_WITHIN)
    if not isinstance(start, datetime):
        return ends
    at = int(start.timestamp() * 1000)
    found = consumer.offsets_for_times(
        [TopicPartition(*partition, at) for partition in partitions], timeout=_ANSWER_WITHIN
    )
    return {
        (partition := Partition(each.topic, each.partition)): each.offset
        if each.offset >= 0
        else ends[partition]
        for each in found
    }


def _metadata(offset: int, partitions: int) -> str:
    return horizon.write(horizon.Horizon(offset=offset, partitions=partitions))
