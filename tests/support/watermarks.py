"""The watermarks: how far the inputs reach, and how far they are committed."""

import logging
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.support.programs import wait_until
from tests.support.world import World

_ANSWER_WITHIN = 10.0
_SILENT = logging.getLogger("tests.watermarks")
_SILENT.disabled = True
Offsets = Mapping[tuple[str, int], int]


class Watermarks:
    """Asks with one client, outside the group's membership, as often as one likes."""

    def __init__(self, world: World) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": world.kafka.bootstrap_servers,
                "group.id": world.group,
                "reconnect.backoff.max.ms": 250,
                # Leaders change while it looks on.
                "metadata.max.age.ms": 1000,
                "logger": _SILENT,
            }
        )
        self._partitions = [
            (topic, number)
            for topic in (world.topics.order_paid, world.topics.cart_abandoned)
            for number in range(world.partitions)
        ]

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def ends(self, within: float) -> Offsets:
        """Return where the inputs end, as soon as the brokers tell."""
        found: dict[tuple[str, int], int] = {}

        def are_told() -> bool:
            try:
                for each in self._partitions:
                    _, found[each] = self._consumer.get_watermark_offsets(
                        TopicPartition(*each), timeout=_ANSWER_WITHIN, cached=False
                    )
            except KafkaException:
                return False
            return True

        wait_until(are_told, within=within, what="the brokers tell where the inputs end")
        return found

    def wait_until_committed(self, offsets: Offsets, within: float) -> None:
        """Return once everything below these offsets is committed."""
        wait_until(
            lambda: not self.behind(offsets),
            within=within,
            what="everything is committed that there was when the faults ended",
        )

    def behind(self, offsets: Offsets) -> dict[tuple[str, int], int]:
        """Return the partitions that are not committed up to `offsets`, and what they lack."""
        asked = [TopicPartition(*each) for each in self._partitions]
        try:
            committed = self._consumer.committed(asked, timeout=_ANSWER_WITHIN)
        except KafkaException:
            return dict(offsets)
        told = {(each.topic, each.partition): each for each in committed}
        return {
            partition: end - max(0, told[partition].offset)
            for partition, end in offsets.items()
            if told[partition].error is not None or max(0, told[partition].offset) < end
        }
