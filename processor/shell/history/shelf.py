"""The shelf: the progress of all replays of a live group, as Kafka keeps it."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.core.copies import is_replay_id
from processor.core.records import Partition
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.clock import steady
from processor.shell.history.progress import Known, Mark, State, Unreadable, group_of, read
from processor.shell.kafka import clients
from processor.shell.settings import Kafka

_ANSWER_WITHIN: Final = 10.0
_PATIENCE: Final = 15.0
_AGAIN_AFTER: Final = 0.5
_STILL_WRITES_WITHIN: Final = 3.0

Answer = TypeVar("Answer")


class Shelf:
    """All progress that a live group's replays have left. Questions block."""

    def __init__(self, kafka: Kafka) -> None:
        """Prepare; nothing is sent yet."""
        self._admin = AdminClient(clients.common(kafka) | clients.FORGETFUL)
        self._prefix = group_of(kafka.group_id, "")

    def find(self, replay_id: str) -> Known | Unreadable | None:
        """Return what is known of a replay; None when nothing is."""
        if not is_replay_id(replay_id):
            return None
        marks: list[Mark] = []
        whys: list[str] = []
        for each in self._offsets(self._prefix + replay_id):
            place = Partition(each.topic, each.partition)
            mark = read(each.metadata, place, each.offset)
            if isinstance(mark, Mark):
                marks.append(mark)
            else:
                whys.append(mark)
        return _assemble(replay_id, marks, whys)

    def get(self, replay_id: str) -> Known:
        """Return what is known of a replay that is to go on; ConfigurationError when it cannot."""
        match self.find(replay_id):
            case Known() as known:
                return known
            case Unreadable(why=why):
                raise ConfigurationError(f"{replay_id} cannot go on: {why}. Plan anew.")
            case None:
                raise ConfigurationError(
                    f"Nothing is known of a replay {replay_id}: `processor replay list` shows "
                    "those that are. Kafka forgets one that was not run for a week, if its "
                    "offsets.retention.minutes are not set to more."
                )

    def all(self) -> Iterator[Known | Unreadable]:
        """Yield what is known of every replay, the newest last."""
        found = [self.find(replay_id) for replay_id in self._ids()]
        there = [each for each in found if each is not None]
        yield from sorted(there, key=lambda each: isinstance(each, Known) and each.started_at)

    def being_copied(self, found: Sequence[Known | Unreadable]) -> frozenset[str]:
        """Return which of them a process is copying: one writes every second.

        Blocks for some seconds when one may be.
        """
        maybe = {
            known.replay_id: known.written_at
            for known in found
            if isinstance(known, Known) and known.state is State.COPYING
        }
        running: set[str] = set()
        deadline = steady() + _STILL_WRITES_WITHIN
        while maybe and steady() < deadline:
            time.sleep(_AGAIN_AFTER)
            for replay_id, written_at in tuple(maybe.items()):
                now = self.find(replay_id)
                if isinstance(now, Known) and now.written_at != written_at:
                    del maybe[replay_id]
                    if now.state is State.COPYING:
                        running.add(replay_id)
        return frozenset(running)

    def _ids(self) -> list[str]:
        def ask() -> list[str]:
            future = self._admin.list_consumer_groups(request_timeout=_ANSWER_WITHIN)
            listed = future.result(timeout=_ANSWER_WITHIN)
            if listed.errors and not listed.valid:
                raise listed.errors[0]
            return [each.group_id for each in listed.valid]

        groups = _patiently(ask, "which groups there are")
        return [each.removeprefix(self._prefix) for each in groups if each.startswith(self._prefix)]

    def _offsets(self, group: str) -> list[TopicPartition]:
        def ask() -> list[TopicPartition]:
            asked = [ConsumerGroupTopicPartitions(group)]
            futures = self._admin.list_consumer_group_offsets(asked, request_timeout=_ANSWER_WITHIN)
            told = futures[group].result(timeout=_ANSWER_WITHIN).topic_partitions or []
            return [each for each in told if each.error is None and each.offset >= 0]

        return _patiently(ask, f"what group {group} has committed")


def _assemble(replay_id: str, marks: list[Mark], whys: list[str]) -> Known | Unreadable | None:
    if not marks:
        return Unreadable(replay_id=replay_id, why=whys[0]) if whys else None
    marks.sort(key=lambda mark: mark.index)
    first, last = marks[0], max(marks, key=lambda mark: mark.written_at)
    if first.index != 0 or first.head is None:
        why = "it had not begun to copy when it ended"
        return Unreadable(replay_id=replay_id, why=why, has_begun=False)
    if [mark.index for mark in marks] != list(range(first.slices)):
        return Unreadable(
            replay_id=replay_id,
            why=f"the progress of {first.slices - len(marks)} of its {first.slices} slices is "
            "gone: Kafka forgets offsets that were not written for a week, if not told otherwise",
        )
    return Known(
        replay_id=replay_id,
        parts=tuple(mark.part for mark in marks),
        state=last.state,
        started_at=first.started_at,
        written_at=last.written_at,
        head=first.head,
    )


def _patiently(ask: Callable[[], Answer], what: str) -> Answer:
    deadline = steady() + _PATIENCE
    while True:
        try:
            return ask()
        except (KafkaException, TimeoutError) as away:
            why = away.args[0].str() if isinstance(away, KafkaException) else str(away)
            if steady() >= deadline:
                raise RuntimeFailure(
                    f"Kafka does not tell {what}: {why}. Check PROCESSOR_KAFKA__…, and that the "
                    "user may describe groups."
                ) from None
        time.sleep(_AGAIN_AFTER)
