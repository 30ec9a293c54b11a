"""Gaps: where a log does not hold what comes next. Such a partition is parked, never skipped.

Either records were deleted before they were received, or the topic is another one than that which
the offsets were committed for. A person has to find out what is missing; once that is accepted
(`processor topics accept-gap`), the partition goes on. The others never stop.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from processor.core.records import Partition
from processor.shell.kafka.broker import Broker, Inquiry
from processor.shell.kafka.marks import Acceptance, acceptances, read

_LOG: Final = structlog.get_logger()
_LOOK_EVERY: Final = 2.0
_ANSWER_WITHIN: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What a partition cannot pass: it stands at `position`, its log holds `begin` up to `end`.

    `is_replaced`: that log belongs to another topic of the same name.
    """

    partition: Partition
    position: int
    begin: int
    end: int
    is_replaced: bool

    @classmethod
    def of(
        cls, partition: Partition, position: int, topic_id: str | None, inquiry: Inquiry
    ) -> "Gap | None":
        """Compare a position of the topic `topic_id` with what the brokers tell, if they do."""
        log, present = inquiry.log(partition), inquiry.topic_id(partition.topic)
        if log is None:
            return None
        return cls(
            partition=partition,
            position=position,
            begin=log[0],
            end=log[1],
            is_replaced=None not in (topic_id, present) and topic_id != present,
        )

    @property
    def is_anew(self) -> bool:
        """Whether the position says nothing of this log, so that all of it is to be worked."""
        return self.is_replaced or self.position >= self.begin

    @property
    def missing(self) -> str:
        """What is missing, as a sentence for whoever has to find out."""
        if self.is_replaced:
            return (
                "the topic was deleted and created anew: what the old one held from offset "
                f"{self.position} on is gone, and the new one begins at {self.begin}"
            )
        if self.is_anew:
            return (
                f"the log ends at offset {self.end}, below {self.position}, which was next: it was "
                f"cut back or begun anew, and begins at {self.begin}"
            )
        return (
            f"records were deleted before they were received: {self.begin - self.position} "
            f"offsets, from {self.position} to {self.begin - 1}"
        )

    @property
    def remedy(self) -> str:
        """The command that accepts it."""
        topic, number = self.partition
        return f"processor topics accept-gap --topic {topic} --partition {number}"

    def is_accepted_by(self, acceptance: Acceptance, topic_id: str | None) -> bool:
        """Whether somebody has accepted just this one; `topic_id` is that of the log."""
        if acceptance.topic_id != topic_id or acceptance.position > self.position:
            return False
        if self.is_anew:
            return self.is_replaced or acceptance.go_on < acceptance.position
        return acceptance.go_on > self.position


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """A partition whose gap is accepted goes on at `position` of the topic `topic_id`.

    `is_anew`: what is known of it belongs to another log, so it begins as if just assigned.
    """

    partition: Partition
    position: int
    topic_id: str | None
    is_anew: bool


class Gaps:
    """The parked ones among the partitions owned. Belongs to the poll thread.

    It asks the brokers without waiting, so a partition that is parked is known as a Gap only once
    they have answered; until then it is fetched no more all the same.
    """

    def __init__(self, broker: Broker, group_id: str, clock: Callable[[], float]) -> None:
        """Begin owning nothing."""
        self._broker = broker
        self._group = acceptances(group_id)
        self._clock = clock
        self._topic_ids: dict[Partition, str | None] = {}
        self._stopped_at: dict[Partition, int] = {}
        self._inquiry: Inquiry | None = None
        self._look_at = 0.0
        self.parked: Mapping[Partition, Gap] = {}
        """What is parked and why, replaced as a whole: any thread may look."""

    def follow(self, partition: Partition, topic_id: str | None) -> None:
        """Follow a partition's log from now on; its offset was committed for `topic_id`."""
        self.forget([partition])
        self._topic_ids[partition] = topic_id
        self._inquiry, self._look_at = None, 0.0  # what was asked before may be of the past

    def forget(self, partitions: Collection[Partition]) -> None:
        """Stop following partitions."""
        for partition in partitions:
            self._topic_ids.pop(partition, None)
            self._stopped_at.pop(partition, None)
        self.parked = {each: gap for each, gap in self.parked.items() if each not in partitions}

    def topic_id(self, partition: Partition) -> str | None:
        """Return which topic the offsets of a partition are for, None while nobody knows."""
        return self._topic_ids.get(partition)

    def park(self, partition: Partition, position: int) -> None:
        """Stop following the log of a partition, which does not hold `position`."""
        self._stopped_at.setdefault(partition, position)
        self._look_at = 0.0

    def is_parked(self, partition: Partition) -> bool:
        """Whether what comes of a partition is to be passed over."""
        return partition in self._stopped_at

    def look(self, position: Callable[[Partition], int]) -> list[GoOn]:
        """Ask, or take in what was asked; return what is accepted.

        `position` tells the next offset of a partition that is followed.
        """
        inquiry = self._inquiry
        if inquiry is None:
            if self._topic_ids and self._clock() >= self._look_at:
                topics = {partition.topic for partition in self._topic_ids}
                asked = tuple(self._stopped_at)
                self._inquiry = self._broker.inquire(topics, asked, self._group, _ANSWER_WITHIN)
            return []
        if not inquiry.is_answered:
            return []
        self._inquiry, self._look_at = None, self._clock() + _LOOK_EVERY
        self._notice_replaced(inquiry, position)
        accepted = [self._judge(partition, inquiry) for partition in tuple(self._stopped_at)]
        return [each for each in accepted if each is not None]

    def _notice_replaced(self, inquiry: Inquiry, position: Callable[[Partition], int]) -> None:
        for partition, known in self._topic_ids.items():
            now = inquiry.topic_id(partition.topic)
            if known is None:
                self._topic_ids[partition] = now
            elif now is not None and now != known and not self.is_parked(partition):
                self.park(partition, position(partition))

    def _judge(self, partition: Partition, inquiry: Inquiry) -> GoOn | None:
        """Say what is missing, once it is known, and return where to go on, if that is accepted."""
        known, present = self._topic_ids.get(partition), inquiry.topic_id(partition.topic)
        gap = Gap.of(partition, self._stopped_at[partition], known, inquiry)
        if gap is None:
            return None
        self._say(gap)
        committed = inquiry.offset(partition)
        accepted = None if committed is None else read(committed.metadata, committed.offset)
        if accepted is None or not gap.is_accepted_by(accepted, present):
            return None
        _LOG.warning(
            "gap accepted",
            topic=partition.topic,
            partition=partition.number,
            missing=gap.missing,
            goes_on_at=accepted.go_on,
        )
        return GoOn(
            partition=partition, position=accepted.go_on, topic_id=present, is_anew=gap.is_anew
        )

    def _say(self, gap: Gap) -> None:
        if gap.partition not in self.parked:
            topic, number = gap.partition
            _LOG.error(
                "partition parked",
                topic=topic,
                partition=number,
                missing=gap.missing,
                position=gap.position,
                log_begins=gap.begin,
                log_ends=gap.end,
                remedy=f"find out which orders they were, then: {gap.remedy}",
            )
        self.parked = {**self.parked, gap.partition: gap}
