"""The fleet: where the live group stands in its inputs and in the lane, asked again and again.

Its members are not asked for, only whether it has some: see the shelf for why.
"""

import threading
from collections.abc import Collection
from typing import Final, Self

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.core.records import Partition
from processor.core.standings import Look, Standing
from processor.shell.clock import steady
from processor.shell.kafka import clients
from processor.shell.kafka.broker import Broker
from processor.shell.settings import Kafka

_LOOK_EVERY: Final = 1.0
_MEMBERS_EVERY: Final = 5.0
_ANSWER_WITHIN: Final = 5.0
_RENEW_AFTER: Final = 3
_END_WITHIN: Final = 1.0
_WITHOUT_MEMBERS: Final = frozenset({ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD})


class Fleet:
    """Asks the brokers on a thread of its own."""

    def __init__(
        self, kafka: Kafka, inputs: Collection[Partition], lane: Collection[Partition]
    ) -> None:
        """Prepare to watch the live group in the partitions of its inputs and of the lane."""
        self._kafka = kafka
        self._inputs = tuple(inputs)
        self._lane = tuple(lane)
        self._broker = Broker(kafka)
        self._admin = AdminClient(clients.common(kafka) | clients.FORGETFUL)
        self._consumer = Consumer(clients.offsets_only(kafka))
        self._login = clients.Login(kafka)
        self._failures = 0
        self._has_members: bool | None = None
        self._members_at = float("-inf")
        self._lane_id: str | None = None
        self._look: Look | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(_END_WITHIN)

    def serve(self) -> Look | None:
        """Return the look that was taken since this was asked last, if there is one."""
        look, self._look = self._look, None
        return look

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look = self._take(steady())
                self._failures = 0
            except (KafkaException, TimeoutError):
                self._failures += 1
                if self._failures % _RENEW_AFTER == 0:
                    self._renew()
            self._stopping.wait(_LOOK_EVERY)
        self._consumer.close()

    def _take(self, asked_at: float) -> Look:
        self._login.follow(self._admin)
        places = self._inputs + self._lane
        asked = [TopicPartition(*place) for place in places]
        committed = self._consumer.committed(asked, timeout=_ANSWER_WITHIN)
        for each in committed:
            if each.error is not None:
                raise KafkaException(each.error)
        offsets = {Partition(each.topic, each.partition): each.offset for each in committed}
        ends = self._broker.ends(places, _ANSWER_WITHIN)
        begins = self._broker.begins(self._lane, _ANSWER_WITHIN)
        if asked_at - self._members_at >= _MEMBERS_EVERY:
            self._has_members = self._ask_members()
            self._lane_id = self._ask_lane_id()
            self._members_at = asked_at
        standings = {
            place: Standing(
                ends[place], offsets[place] if offsets[place] >= 0 else None, begins.get(place, 0)
            )
            for place in places
        }
        return Look(
            asked_at=asked_at,
            inputs={place: standings[place] for place in self._inputs},
            lane={place: standings[place] for place in self._lane},
            has_members=self._has_members,
            lane_id=self._lane_id,
        )

    def _ask_lane_id(self) -> str | None:
        topics = {place.topic for place in self._lane}
        inquiry = self._broker.inquire(topics, (), self._kafka.group_id, _ANSWER_WITHIN)
        inquiry.wait(_ANSWER_WITHIN)
        return next((found for each in topics if (found := inquiry.topic_id(each))), None)

    def _ask_members(self) -> bool | None:
        """Tell whether the group has members, None when we may not know."""
        future = self._admin.list_consumer_groups(request_timeout=_ANSWER_WITHIN)
        listed = future.result(timeout=_ANSWER_WITHIN)
        for each in listed.valid or ():
            if each.group_id == self._kafka.group_id:
                return each.state not in _WITHOUT_MEMBERS
        return None if listed.errors else False

    def _renew(self) -> None:
        """Take a new client: one whose broker went has been seen to find none for minutes."""
        self._consumer.close()
        self._consumer = Consumer(clients.offsets_only(self._kafka))
