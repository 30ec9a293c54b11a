"""Reading the results and the dead letters, as any consumer does."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Self

from confluent_kafka import Consumer, TopicPartition

from processor.core.vocabulary import Effect, Reason, Status
from processor.demo import events
from processor.demo.findings import DeadLetter, Outcome, Readings
from processor.demo.samples import Sample
from processor.demo.world import LOGGER, TOPICS, Coordinates, World
from processor.shell import schemas

_MOST: Final = 100


class Reader:
    """Reads both topics from their beginning, for the samples that are awaited."""

    def __init__(self, consumer: Consumer) -> None:
        """Read with a consumer that has its partitions."""
        self._consumer = consumer
        self._places: dict[Sample, Coordinates] = {}
        self._read: defaultdict[Coordinates, Readings] = defaultdict(Readings)

    @classmethod
    @contextmanager
    def of(cls, world: World) -> Iterator[Self]:
        """Open a consumer in a world, and close it at the end."""
        consumer = Consumer(
            {
                "bootstrap.servers": world.bootstrap_servers,
                "group.id": "demo",
                "enable.auto.commit": False,
                "logger": LOGGER,
            }
        )
        consumer.assign(
            [
                TopicPartition(topic, number, 0)
                for topic in (TOPICS.results, TOPICS.dead_letters)
                for number in range(world.partitions)
            ]
        )
        try:
            yield cls(consumer)
        finally:
            consumer.close()

    def expect(self, places: Mapping[Sample, Coordinates]) -> None:
        """Read what comes of these records as well."""
        self._places |= places

    def poll(self, seconds: float) -> None:
        """Take in what comes within so many seconds. Blocks."""
        for message in self._consumer.consume(_MOST, seconds):
            value = message.value()
            if message.error() is None and value is not None:
                self._take(message.topic() == TOPICS.results, value)

    def complete(self) -> list[Sample]:
        """Return the samples of which everything is read, in the order of their production."""
        return [sample for sample, place in self._places.items() if self._read[place].is_complete]

    def has_all(self) -> bool:
        """Tell whether everything is read that comes of the samples so far."""
        return all(self._read[place].is_complete for place in self._places.values())

    def readings(self) -> dict[Sample, Readings]:
        """Return what was read of each sample so far, in the order of their production."""
        return {sample: self._read[place] for sample, place in self._places.items()}

    def forget(self, sample: Sample) -> None:
        """Forget a sample that is dealt with."""
        del self._read[self._places.pop(sample)]

    def _take(self, is_outcome: bool, value: bytes) -> None:  # noqa: FBT001  two topics
        written = events.read(value, schemas.OUTCOME if is_outcome else schemas.DEAD_LETTER)
        source = written["source"]
        place = source["topic"], source["partition"], source["offset"]
        known = self._read[place]
        if is_outcome:
            outcomes = (*known.outcomes, _outcome(written))
            self._read[place] = replace(known, outcomes=outcomes)
        else:
            letter = DeadLetter(id=written["deadLetterId"], reason=Reason(written["reason"]))
            self._read[place] = replace(known, dead_letters=(*known.dead_letters, letter))


def _outcome(written: Mapping[str, Any]) -> Outcome:
    reason = written["reason"]
    return Outcome(
        id=written["outcomeId"],
        status=Status(written["status"]),
        effect=Effect(written["effect"]),
        reason=None if reason is None else Reason(reason),
        attempts=written["attempts"],
    )
