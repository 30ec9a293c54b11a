"""Commits: one at a time, sent on the poll thread, and what the coordinator says to each.

confluent-kafka lets one thread at a time into a consumer, so the thread that polls is the one
that commits. While it goes round it sends without waiting, and the answer comes by a callback;
while it waits in a rebalance callback it sends and waits.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from processor.core import beginnings
from processor.core.assignments import Assigned
from processor.core.effects import CommitOffset
from processor.core.records import Partition
from processor.shell.kafka.marks import begun, count_begun, mark

_LOG: Final = structlog.get_logger()
Offsets = Sequence[CommitOffset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the coordinator said to a commit sent at `sent_at`: the partitions refused, and why."""

    refused: Collection[Partition]
    sent_at: float
    trouble: str | None


@dataclass(frozen=True, slots=True)
class _Sent:
    offsets: Offsets
    at: float
    generation: bytes | None


class Commits:
    """The commits of one consumer. All but `request` belongs to the poll thread.

    An answer counts only when the group's generation is the same at the sending and at the
    answer: a member that has just rejoined may have a commit accepted for a partition that it
    does not own.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        answered: Callable[[Answer], None],
        topic_id: Callable[[Partition], str | None] = lambda _: None,
    ) -> None:
        """`answered` gets the answer to each request, on the poll thread.

        `topic_id` tells which topic the offsets of a partition are for.
        """
        self._clock = clock
        self._topic_id = topic_id
        self._answered = answered
        self._requested: deque[Offsets] = deque()
        self._sent: _Sent | None = None
        self._superseded = 0
        self._begun: dict[Partition, Assigned] = {}
        self.is_failing = False
        """Whether the process ends by an error: what is handed over then may have made it."""

    def begin(self, consumer: Consumer, assigned: Iterable[Assigned]) -> list[Assigned]:
        """Commit once more where partitions begin, with the number of that beginning, and wait.

        So it is counted before the first record comes, which may end the process. Returns the
        partitions with those numbers.
        """
        counted = [
            replace(one, beginning=beginnings.count(begun(one.metadata), one.committed, one.end))
            for one in assigned
        ]
        self._begun |= {one.partition: one for one in counted}
        positions = [
            TopicPartition(*one.partition, one.committed, count_begun(one.metadata, one.beginning))
            for one in counted
        ]
        if positions:
            try:
                committed = consumer.commit(offsets=positions, asynchronous=False)
                trouble = next(iter(_errors(committed or []).values()), None)
            except KafkaException as error:
                trouble = error.args[0].str()
            if trouble is not None:
                _LOG.warning("beginnings not counted", why=trouble)
        return counted

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Let go of partitions that are handed over or lost."""
        for partition in partitions:
            self._begun.pop(partition, None)

    def request(self, offsets: Offsets) -> None:
        """Ask for a commit, from any thread; the answer to the one before must have come."""
        self._requested.append(offsets)

    def send_requested(self, consumer: Consumer) -> None:
        """Send what was requested, without waiting for the answer."""
        if not self._requested:
            return
        offsets = self._requested.popleft()
        if not offsets:
            self._answered(self.commit(consumer, offsets))
            return
        sent = self._sent = self._begin(consumer, offsets)
        try:
            consumer.commit(offsets=self._positions(sent.offsets), asynchronous=True)
        except KafkaException as error:
            self._sent = None
            self._answered(_refuse_all(sent, error.args[0]))

    def came_back(
        self, consumer: Consumer, error: KafkaError | None, committed: Sequence[TopicPartition]
    ) -> None:
        """Take the client's callback for a commit that was sent without waiting."""
        if self._superseded:
            self._superseded -= 1
        elif (sent := self._sent) is not None:
            self._sent = None
            self._answered(self._judge(consumer, sent, error, committed))

    def send_and_wait(self, consumer: Consumer) -> None:
        """Commit what was requested, or was sent and is not answered, and wait for the answer."""
        if self._sent is not None:
            self._superseded += 1
            self._requested.appendleft(self._sent.offsets)
            self._sent = None
        while self._requested:
            self._answered(self.commit(consumer, self._requested.popleft()))

    def commit(self, consumer: Consumer, offsets: Offsets) -> Answer:
        """Commit, wait, and return the answer; to commit nothing always succeeds."""
        if not offsets:
            return Answer(refused=(), sent_at=self._clock(), trouble=None)
        sent = self._begin(consumer, offsets)
        try:
            committed = consumer.commit(offsets=self._positions(offsets), asynchronous=False)
        except KafkaException as error:
            return _refuse_all(sent, error.args[0])
        return self._judge(consumer, sent, None, committed or [])

    def commit_last(self, consumer: Consumer, offsets: Offsets) -> str | None:
        """Commit what is handed over; return why that failed, None when it was taken.

        No lease hangs on this one, so the generation does not matter.
        """
        given_back = 0 if self.is_failing else 1
        try:
            committed = consumer.commit(
                offsets=self._positions(offsets, given_back), asynchronous=False
            )
        except KafkaException as error:
            return str(error.args[0].str())
        return next(iter(_errors(committed or []).values()), None)

    def _positions(self, offsets: Offsets, given_back: int = 0) -> list[TopicPartition]:
        return [
            TopicPartition(
                *one.partition,
                one.offset,
                count_begun(
                    mark(one.metadata, self._topic_id(one.partition)),
                    self._beginnings(one) - given_back,
                ),
            )
            for one in offsets
        ]

    def _beginnings(self, one: CommitOffset) -> int:
        """Return how often a partition was begun at an offset; 0 once it has moved on."""
        began = self._begun.get(one.partition)
        return began.beginning if began is not None and began.committed == one.offset else 0

    def _begin(self, consumer: Consumer, offsets: Offsets) -> _Sent:
        return _Sent(offsets, self._clock(), consumer.consumer_group_metadata())

    def _judge(
        self,
        consumer: Consumer,
        sent: _Sent,
        error: KafkaError | None,
        committed: Sequence[TopicPartition],
    ) -> Answer:
        if error is not None:
            return _refuse_all(sent, error)
        if consumer.consumer_group_metadata() != sent.generation:
            refused = {one.partition for one in sent.offsets}
            return Answer(refused=refused, sent_at=sent.at, trouble="the group has rebalanced")
        errors = _errors(committed)
        return Answer(
            refused=errors.keys(), sent_at=sent.at, trouble=next(iter(errors.values()), None)
        )


def _errors(committed: Sequence[TopicPartition]) -> dict[Partition, str]:
    return {
        Partition(each.topic, each.partition): str(each.error.str())
        for each in committed
        if each.error is not None
    }


def _refuse_all(sent: _Sent, error: KafkaError) -> Answer:
    refused = {one.partition for one in sent.offsets}
    return Answer(refused=refused, sent_at=sent.at, trouble=error.str())
