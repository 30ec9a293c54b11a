"""Progress: how far each slice of a replay is, kept in Kafka beside the replay's own offsets.

Each replay has a consumer group of its own that nobody joins. At the place of each slice its
committed offset is the next one to be read; the metadata holds what was counted up to there. The
first slice's metadata holds the head of the plan as well, and is written after the others: where
it is, all are. So a replay can be resumed from any machine.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from processor.core.records import Partition
from processor.core.replays import COPIED, Prospect, Slice
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.clock import steady
from processor.shell.kafka import clients
from processor.shell.settings import Kafka

VERSION: Final = 1
_MOST_BYTES: Final = 4_000
_MOST_AT_ONCE: Final = 100
_PATIENCE: Final = 15.0
_POLL: Final = 0.05
_REFUSED: Final = (
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


class State(StrEnum):
    """What a replay was doing when its progress was last written."""

    COPYING = "copying"
    PAUSED = "paused"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A slice and how far it is: `position` goes on, `counts` is what was found below."""

    slice: Slice
    position: int
    counts: Mapping[Prospect, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is written at the place of the slice number `index` among `slices`.

    `started_at` is when copying began, `written_at` when this was written, both epoch
    milliseconds. `head` is the head of the plan, at the first slice only.
    """

    index: int
    slices: int
    part: Part
    state: State
    started_at: int
    written_at: int
    head: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A replay of which Kafka keeps the progress; `parts` are in the order of its slices."""

    replay_id: str
    parts: tuple[Part, ...]
    state: State
    started_at: int
    written_at: int
    head: Mapping[str, Any]

    @property
    def slices(self) -> tuple[Slice, ...]:
        """The slices of its plan."""
        return tuple(part.slice for part in self.parts)

    @property
    def done(self) -> int:
        """How many offsets are behind it."""
        return sum(max(0, part.position - part.slice.begin) for part in self.parts)

    @property
    def total(self) -> int:
        """How many offsets its slices have."""
        return sum(part.slice.size for part in self.parts)

    @property
    def counts(self) -> Mapping[Prospect, int]:
        """What was found so far."""
        return sum((Counter(part.counts) for part in self.parts), Counter())

    @property
    def copied(self) -> int:
        """How many records were copied so far."""
        return sum(count for prospect, count in self.counts.items() if prospect in COPIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A replay whose progress cannot be read; `why` says what is wrong.

    `has_begun`: something of it may have been copied.
    """

    replay_id: str
    why: str
    has_begun: bool = True


def group_of(group: str, replay_id: str) -> str:
    """Return the group that keeps the progress of a replay."""
    return f"{group}.replay.{replay_id}"


def write(mark: Mark) -> str:
    """Return a mark as the metadata of a commit; ConfigurationError when it is too long."""
    part = mark.part
    fields: dict[str, Any] = {
        "v": VERSION,
        "i": mark.index,
        "of": mark.slices,
        "b": part.slice.begin,
        "e": part.slice.end,
        "n": {str(prospect): count for prospect, count in part.counts.items() if count},
        "s": str(mark.state),
        "from": mark.started_at,
        "at": mark.written_at,
    }
    if mark.head is not None:
        fields["plan"] = mark.head
    text = orjson.dumps(fields)
    if len(text) > _MOST_BYTES:
        raise ConfigurationError(
            f"The selection is too long to be kept beside the replay's progress ({len(text)} of "
            f"{_MOST_BYTES} bytes). Put the ids into a file and name it with --ids."
        )
    return text.decode()


def read(metadata: str | None, place: Partition, position: int) -> Mark | str:
    """Return the mark that metadata holds, or why it cannot be read."""
    try:
        fields = orjson.loads((metadata or "").rstrip("\0"))
        if fields["v"] != VERSION:
            return f"it was written by another version of the processor ({fields['v']!r})"
        return Mark(
            index=int(fields["i"]),
            slices=int(fields["of"]),
            part=Part(
                slice=Slice(place=place, begin=int(fields["b"]), end=int(fields["e"])),
                position=position,
                counts={Prospect(name): int(count) for name, count in fields["n"].items()},
            ),
            state=State(fields["s"]),
            started_at=int(fields["from"]),
            written_at=int(fields["at"]),
            head=fields.get("plan"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return "its metadata is not what a replay writes"


class Bookmarks:
    """Writes the marks of one replay. One commit is in the air at a time."""

    def __init__(self, kafka: Kafka, replay_id: str) -> None:
        """Prepare; nothing is sent yet."""
        own = {"group.id": group_of(kafka.group_id, replay_id), "on_commit": self._answered}
        self._consumer = Consumer(clients.offsets_only(kafka) | own)
        self._is_busy = False
        self._refusal: str | None = None
        self.trouble: str | None = None
        """Why the last commit was not taken, None when it was."""

    @property
    def is_busy(self) -> bool:
        """Whether a commit has not been answered."""
        return self._is_busy

    def write(self, marks: Sequence[Mark]) -> None:
        """Write marks; call `serve` until it is not busy."""
        self._is_busy = True
        offsets = [
            TopicPartition(*mark.part.slice.place, mark.part.position, write(mark))
            for mark in marks
        ]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as refused:
            self._answered(refused.args[0], [])

    def serve(self, wait: float = 0.0) -> None:
        """Take answers; RuntimeFailure when this user may not write them."""
        self._consumer.poll(wait)
        if self._refusal is not None:
            raise RuntimeFailure(self._refusal)

    def write_now(self, marks: Sequence[Mark], within: float = _PATIENCE) -> bool:
        """Write marks and wait for the answer, again if need be; tell whether they were taken.

        RuntimeFailure when this user may not.
        """
        deadline = steady() + within
        while True:
            while self._is_busy and steady() < deadline:
                self.serve(_POLL)
            self.write(marks)
            while self._is_busy and steady() < deadline:
                self.serve(_POLL)
            if self._is_busy or (self.trouble is not None and steady() >= deadline):
                return False
            if self.trouble is None:
                return True
            time.sleep(_POLL)

    def write_all(self, marks: Sequence[Mark]) -> bool:
        """Write the marks of all slices, the first one's last."""
        others = marks[1:]
        for begin in range(0, len(others), _MOST_AT_ONCE):
            if not self.write_now(others[begin : begin + _MOST_AT_ONCE]):
                return False
        return self.write_now(marks[:1])

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _answered(self, error: KafkaError | None, offsets: Iterable[TopicPartition]) -> None:
        self._is_busy = False
        errors = [error, *(each.error for each in offsets)]
        wrong = next((each for each in errors if each is not None), None)
        self.trouble = None if wrong is None else wrong.str()
        if wrong is not None and wrong.code() in _REFUSED:
            self._refusal = (
                f"Kafka does not take the progress: {wrong.str()}. The user needs READ on groups "
                "that begin with the processors' group and '.replay.', and on the topics."
            )
