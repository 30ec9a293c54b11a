"""Progress: how far each slice of a replay is, kept in Kafka beside the replay's own offsets.

Each replay has a consumer group of its own that nobody joins. At the place of each slice its
committed offset is the next one to be read, and the metadata holds what was counted up to there.
The cover, at partition 0 of the results, where no slice ever is, says what the replay is; it is
first written when all slices are. So a replay can be resumed from any machine.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from processor.core.pace import DEFAULT_RATE, Pace
from processor.core.records import Partition
from processor.core.replays import COPIED, Prospect, Slice
from processor.errors import ConfigurationError
from processor.shell.settings import Topics

VERSION: Final = 2
_MOST_BYTES: Final = 4_000
_MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError)
_FOREIGN: Final = "what is kept of it was not written by this version of the processor"


class State(StrEnum):
    """What a replay was doing when its progress was last written."""

    COPYING = "copying"
    PAUSED = "paused"
    FINISHED = "finished"
    LOST = "lost"
    """Copies of it were lost with the lane: it cannot go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A slice and how far it is: `position` goes on, `counts` is what was found below."""

    slice: Slice
    position: int
    counts: Mapping[Prospect, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is written at the place of the slice number `index`."""

    index: int
    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What is written of a replay as a whole; it has so many `slices`.

    `started_at` is when copying began, `written_at` when this was written, both epoch
    milliseconds. `head` is the head of the plan. `pace` is what copying keeps to. `expected` is how
    many copies the survey of the plan has promised, None where that is not known.
    """

    slices: int
    state: State
    started_at: int
    written_at: int
    head: Mapping[str, Any]
    pace: Pace
    expected: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A replay of which Kafka keeps the progress; `parts` are in the order of its slices."""

    replay_id: str
    cover: Cover
    parts: tuple[Part, ...]

    @property
    def state(self) -> State:
        """What it was doing when its progress was last written."""
        return self.cover.state

    @property
    def head(self) -> Mapping[str, Any]:
        """The head of its plan."""
        return self.cover.head

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
    """A replay whose progress cannot be read; `why` says what is wrong."""

    replay_id: str
    why: str


def group_of(group: str, replay_id: str) -> str:
    """Return the group that keeps the progress of a replay."""
    return f"{group}.replay.{replay_id}"


def cover_of(topics: Topics) -> Partition:
    """Return where the covers are."""
    return Partition(topics.results, 0)


def write_mark(mark: Mark) -> str:
    """Return a mark as the metadata of a commit."""
    part = mark.part
    fields = {
        "v": VERSION,
        "i": mark.index,
        "b": part.slice.begin,
        "e": part.slice.end,
        "n": {str(prospect): count for prospect, count in part.counts.items() if count},
    }
    return orjson.dumps(fields).decode()


def write_cover(cover: Cover) -> str:
    """Return a cover as the metadata of a commit; ConfigurationError when it is too long."""
    fields = {
        "v": VERSION,
        "of": cover.slices,
        "s": str(cover.state),
        "from": cover.started_at,
        "at": cover.written_at,
        "rate": cover.pace.rate,
        "stop": cover.pace.stop_after_failures,
        "copies": cover.expected,
        "plan": cover.head,
    }
    text = orjson.dumps(fields)
    if len(text) > _MOST_BYTES:
        remedy = (
            "Give fewer --avro files at a time"
            if cover.head.get("containers")
            else "Put the ids into a file and name it with --ids"
        )
        raise ConfigurationError(
            f"The selection is too long to be kept beside the replay's progress ({len(text)} of "
            f"{_MOST_BYTES} bytes). {remedy}."
        )
    return text.decode()


def check_cover(slices: int, head: Mapping[str, Any]) -> None:
    """Refuse the head of a plan that is too long to be kept: ConfigurationError."""
    largest = 2**63 - 1
    write_cover(
        Cover(
            slices=slices,
            state=State.FINISHED,
            started_at=largest,
            written_at=largest,
            head=head,
            pace=Pace(rate=1 / 3, stop_after_failures=largest),
            expected=largest,
        )
    )


def read_mark(metadata: str | None, place: Partition, position: int) -> Mark | str:
    """Return the mark that metadata holds, or why it cannot be read."""
    try:
        fields = _fields(metadata)
        return Mark(
            index=int(fields["i"]),
            part=Part(
                slice=Slice(place=place, begin=int(fields["b"]), end=int(fields["e"])),
                position=position,
                counts={Prospect(name): int(count) for name, count in fields["n"].items()},
            ),
        )
    except _MALFORMED:
        return _FOREIGN


def read_cover(metadata: str | None) -> Cover | str:
    """Return the cover that metadata holds, or why it cannot be read."""
    try:
        fields = _fields(metadata)
        return Cover(
            slices=int(fields["of"]),
            state=State(fields["s"]),
            started_at=int(fields["from"]),
            written_at=int(fields["at"]),
            head=dict(fields["plan"]),
            # The first version to write covers knew none of these.
            pace=Pace(
                rate=float(fields.get("rate", DEFAULT_RATE)),
                stop_after_failures=_number(fields.get("stop")),
            ),
            expected=_number(fields.get("copies")),
        )
    except _MALFORMED:
        return _FOREIGN


def _number(value: Any) -> int | None:  # noqa: ANN401  whatever JSON may hold
    return None if value is None else int(value)


def _fields(metadata: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = orjson.loads((metadata or "").rstrip("\0"))
    if fields["v"] != VERSION:
        raise ValueError("another version")
    return fields
