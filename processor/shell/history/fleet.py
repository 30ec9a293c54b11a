"""The fleet: where the live group stands in its inputs and in the lane, asked again and again."""

from collections.abc import Collection
from concurrent.futures import Future
from typing import Final

from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from processor.core.pace import Look, Standing
from processor.core.records import Partition
from processor.shell.kafka import clients
from processor.shell.kafka.broker import Broker, Inquiry
from processor.shell.settings import Kafka

_LOOK_EVERY: Final = 1.0
_ANSWER_WITHIN: Final = 5.0


class Fleet:
    """Asks the brokers without waiting; belongs to one thread, which calls `serve` often."""

    def __init__(
        self, kafka: Kafka, inputs: Collection[Partition], lane: Collection[Partition]
    ) -> None:
        """Prepare to watch the live group in the partitions of its inputs and of the lane."""
        self._admin = AdminClient(clients.common(kafka) | clients.FORGETFUL)
        self._broker = Broker(kafka)
        self._group = kafka.group_id
        self._inputs = tuple(inputs)
        self._lane = tuple(lane)
        self._inquiry: Inquiry | None = None
        self._members: Future[ConsumerGroupDescription] | None = None
        self._asked_at = float("-inf")

    def serve(self, now: float) -> Look | None:
        """Return a look when one has been answered; ask for the next one when it is time."""
        look = None
        if self._inquiry is not None and self._members is not None:
            if not (self._inquiry.is_answered and self._members.done()):
                return None
            look = self._look(self._inquiry, self._members)
            self._inquiry = self._members = None
        if now - self._asked_at >= _LOOK_EVERY:
            self._asked_at = now
            self._inquiry = self._broker.inquire(
                (), self._inputs + self._lane, self._group, _ANSWER_WITHIN
            )
            described = self._admin.describe_consumer_groups(
                [self._group], request_timeout=_ANSWER_WITHIN
            )
            self._members = described[self._group]
        return look

    def _look(self, inquiry: Inquiry, members: "Future[ConsumerGroupDescription]") -> Look | None:
        standings: dict[Partition, Standing] = {}
        for partition in self._inputs + self._lane:
            log, committed = inquiry.log(partition), inquiry.offset(partition)
            if log is None or committed is None:
                return None
            offset = committed.offset if committed.offset >= 0 else None
            standings[partition] = Standing(log[1], offset)
        return Look(
            asked_at=self._asked_at,
            inputs={partition: standings[partition] for partition in self._inputs},
            lane={partition: standings[partition] for partition in self._lane},
            workers=self._workers(members),
        )

    def _workers(self, members: "Future[ConsumerGroupDescription]") -> int | None:
        """Return how many members own partitions of the lane, None when we may not know."""
        if members.cancelled() or members.exception() is not None:
            return None
        lane = set(self._lane)
        return sum(
            any(
                Partition(each.topic, each.partition) in lane
                for each in member.assignment.topic_partitions
            )
            for member in members.result().members
        )
