"""The shelf: the progress of all replays of a live group, as Kafka keeps it.

Offsets are asked of consumers: a client of administration that asks for a group's offsets, or its
members, ends the process when its coordinator goes away meanwhile (librdkafka issue 4605).
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.core.copies import is_replay_id
from processor.core.records import Partition
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.clock import steady
from processor.shell.history.progress import (
    Cover,
    Known,
    Mark,
    State,
    Unreadable,
    cover_of,
    group_of,
    read_cover,
    read_mark,
)
from processor.shell.kafka import clients
from processor.shell.kafka.absence import SETTINGS, absent
from processor.shell.settings import Connections

_ANSWER_WITHIN: Final = 10.0
_PATIENCE: Final = 15.0
_THERE_WITHIN: Final = 2.0
_AGAIN_AFTER: Final = 0.5
_STILL_WRITES_WITHIN: Final = 2.5
_NO_SUCH_PLACE: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION)  # noqa: SLF001

Answer = TypeVar("Answer")


class Shelf:
    """All progress that a live group's replays have left. Questions block."""

    def __init__(self, settings: Connections) -> None:
        """Prepare; nothing is sent yet."""
        self._kafka = settings.kafka
        self._cover = cover_of(settings.topics)
        self._complaints: list[KafkaError] = []
        own = clients.FORGETFUL | {"error_cb": self._complaints.append}
        self._admin = AdminClient(clients.common(settings.kafka) | own)
        self._prefix = group_of(settings.kafka.group_id, "")

    def find(self, replay_id: str) -> Known | Unreadable | None:
        """Return what is known of a replay; None when nothing is."""
        cover = self.cover(replay_id)
        if not isinstance(cover, Cover):
            return cover
        counts = cover.head.get("counts", {})
        places = [Partition(topic, n) for topic, count in counts.items() for n in range(count)]
        marks: list[Mark] = []
        for each in self._committed(replay_id, [*{*places} - {self._cover}]):
            mark = read_mark(each.metadata, Partition(each.topic, each.partition), each.offset)
            if isinstance(mark, str):
                return Unreadable(replay_id=replay_id, why=mark)
            marks.append(mark)
        return _assemble(replay_id, cover, marks)

    def cover(self, replay_id: str) -> Cover | Unreadable | None:
        """Return what is known of a replay as a whole; None when nothing is."""
        if not is_replay_id(replay_id):
            return None
        for each in self._committed(replay_id, [self._cover]):
            cover = read_cover(each.metadata)
            return Unreadable(replay_id=replay_id, why=cover) if isinstance(cover, str) else cover
        return None

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
        found = [self._find_if_told(replay_id) for replay_id in self.ids()]
        there = [each for each in found if each is not None]
        yield from sorted(
            there, key=lambda each: each.cover.started_at if isinstance(each, Known) else 0
        )

    def _find_if_told(self, replay_id: str) -> Known | Unreadable | None:
        try:
            return self.find(replay_id)
        except RuntimeFailure as failure:  # one that names a topic which this user may not see
            return Unreadable(replay_id=replay_id, why=str(failure))

    def ids(self) -> list[str]:
        """Return which replays there are."""

        def ask() -> list[str]:
            future = self._admin.list_consumer_groups(request_timeout=_ANSWER_WITHIN)
            listed = future.result(timeout=_ANSWER_WITHIN)
            if listed.errors and not listed.valid:
                raise listed.errors[0]
            return [each.group_id for each in listed.valid]

        groups = self._patiently(ask, "which groups there are")
        return [each.removeprefix(self._prefix) for each in groups if each.startswith(self._prefix)]

    def being_copied(self, found: Sequence[Known | Unreadable]) -> frozenset[str]:
        """Return which of them a process is copying: one writes every second.

        Blocks for some seconds when one may be.
        """
        maybe = {
            known.replay_id: known.cover.written_at
            for known in found
            if isinstance(known, Known) and known.state is State.COPYING
        }
        running: set[str] = set()
        deadline = steady() + _STILL_WRITES_WITHIN
        while maybe and steady() < deadline:
            time.sleep(_AGAIN_AFTER)
            for replay_id, written_at in tuple(maybe.items()):
                now = self.cover(replay_id)
                if isinstance(now, Cover) and now.written_at != written_at:
                    del maybe[replay_id]
                    if now.state is State.COPYING:
                        running.add(replay_id)
        return frozenset(running)

    def _committed(self, replay_id: str, places: Collection[Partition]) -> list[TopicPartition]:
        """Return what a replay has committed at places; those with nothing are left out."""
        group = self._prefix + replay_id
        consumer = Consumer(clients.offsets_only(self._kafka) | {"group.id": group})
        asked = [TopicPartition(*place) for place in places]

        def ask() -> list[TopicPartition]:
            told = consumer.committed(asked, timeout=_ANSWER_WITHIN) if asked else []
            for each in told:
                if each.error is not None and each.error.code() not in _NO_SUCH_PLACE:
                    raise KafkaException(each.error)
            return told

        try:
            told = self._patiently(ask, f"what group {group} has committed")
        finally:
            consumer.close()
        return [each for each in told if each.error is None and each.offset >= 0]

    def _patiently(self, ask: Callable[[], Answer], what: str) -> Answer:
        deadline = steady() + _PATIENCE
        while True:
            try:
                return ask()
            except (KafkaException, TimeoutError) as away:
                is_known = isinstance(away, KafkaException)
                why = away.args[0].str() if is_known else "no answer in time"
            if steady() >= deadline:
                self._look_for_brokers()
                raise RuntimeFailure(
                    f"Kafka does not tell {what}: {why}. Check {SETTINGS}, and that the user may "
                    "describe groups."
                )
            time.sleep(_AGAIN_AFTER)

    def _look_for_brokers(self) -> None:
        """Raise if none answers: then nothing else is worth saying."""
        try:
            self._admin.list_topics(timeout=_THERE_WITHIN)
        except KafkaException as away:
            self._admin.poll(0)  # what it complained of meanwhile
            raise absent(self._kafka, away, self._complaints) from None


def _assemble(replay_id: str, cover: Cover, marks: list[Mark]) -> Known | Unreadable:
    marks.sort(key=lambda mark: mark.index)
    if [mark.index for mark in marks] != list(range(cover.slices)):
        return Unreadable(
            replay_id=replay_id,
            why=f"the progress of {cover.slices - len(marks)} of its {cover.slices} slices is "
            "gone, with their topics perhaps",
        )
    return Known(replay_id=replay_id, cover=cover, parts=tuple(mark.part for mark in marks))
