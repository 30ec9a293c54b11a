"""Replays and redrives: what is brought back into the lane, and what would come of it.

A plan is frozen: its slices end where they ended when it was made, so that a plan that is
surveyed, executed, stopped and resumed speaks of the same records all the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from processor.core.partitioners import place
from processor.core.records import Partition, Record, Source
from processor.core.selection import Failure, Selection
from processor.core.vocabulary import Operation


class Kind(StrEnum):
    """Where the records come from: the inputs' history, or the dead letters."""

    REPLAY = "replay"
    REDRIVE = "redrive"


class Prospect(StrEnum):
    """What would come of a record if it were brought back now."""

    CONFIRM = "confirm"
    """Its order would be called."""
    RELEASE = "release"
    """Items of it would be released."""
    REPEAT = "repeat"
    """An earlier record of this replay names its order or items: the live fleet decides."""
    SETTLED = "settled"
    """Its order is confirmed already, with the same content."""
    DOUBTFUL = "doubtful"
    """It may have been applied: called again only when that is asked for."""
    CONFLICT = "conflict"
    """Its order is settled with other content, or an item belongs to another order."""
    NOTHING_LEFT = "nothing-left"
    """A release of which every item is paid, released or expired."""
    STALE = "stale"
    """It is older than is replayed without asking, or than the ledger remembers."""
    UNDECODABLE = "undecodable"
    """Its bytes cannot be read, or say nothing."""
    INVALID = "invalid"
    """It can be read, and cannot be called."""
    WAITING = "waiting"
    """The live fleet has not come to it yet, and will work it anyway."""
    QUARANTINED = "quarantined"
    """It was redriven as often as is allowed, and failed each time."""
    MISSING = "missing"
    """Its bytes are nowhere to be found any more."""
    DELETED = "deleted"
    """An offset of the plan that Kafka has deleted before it was read; nobody knows what it was."""


COPIED: Final = frozenset({Prospect.CONFIRM, Prospect.RELEASE, Prospect.REPEAT})
CALLED: Final = frozenset({Prospect.CONFIRM, Prospect.RELEASE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a log to work through: offsets from `begin` up to, not including, `end`.

    Progress is committed at `place`. The slice of container files lies at partition 0 of the
    replay topic; its offsets are rows, counted through all files.
    """

    place: Partition
    begin: int
    end: int

    @property
    def size(self) -> int:
        """How many offsets there are; not each has to hold a record."""
        return max(0, self.end - self.begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record that the selection names, and what would come of it.

    `position_after` is where its slice goes on. `partition` is the number in the replay lane
    where it belongs. `record` carries the key, value and headers of the original and its
    coordinates, which are `origin`; it is None where the bytes are MISSING. `is_authorised`: it
    may be called again although it may have been applied. `failure` is what its dead letter says;
    None where it comes from none.
    """

    position_after: int
    prospect: Prospect
    origin: Source
    partition: int
    record: Record | None
    operation: Operation
    cart_id: str | None
    order_id: str | None
    detail: str | None = None
    is_authorised: bool = False
    failure: Failure | None = None

    @property
    def is_copied(self) -> bool:
        """Whether it goes into the lane when the plan is executed."""
        return self.prospect in COPIED and self.record is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Reading has come to `position`, and nothing since the last candidate is one.

    It comes between candidates now and then, so that progress is seen, and kept, where a
    selection names little. `deleted` counts the offsets since the last sign that Kafka has deleted.
    """

    position: int
    deleted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What keeps a replay from doing harm.

    `max_age` (seconds, before the replay begins) is None when stale events are allowed.
    """

    max_age: float | None
    includes_maybe_applied: bool
    most_redrives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An Avro container file: its digest (hex SHA-256), the record it holds, how many rows."""

    sha256: str
    event: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be brought back.

    `topic_ids` say which topics bore the names (an empty id where the brokers tell none), and
    `counts` how many partitions they had; `lane` is the replay topic. Slices are in the order in
    which they are worked: of each partition number the payments first. `cart_field` names the
    field of a container's rows that gives the cart. `partitioner` places what cannot keep its
    partition number: rows of files, and the records of the topics `by_key`; it is None where all
    can. `waiting` records were left to the live fleet. `notes` are for people: what is missing,
    what was decided. `created_at` is epoch milliseconds.
    """

    replay_id: str
    kind: Kind
    created_at: int
    cluster_id: str
    group: str
    lane: str
    topic_ids: Mapping[str, str]
    counts: Mapping[str, int]
    selection: Selection
    guards: Guards
    slices: tuple[Slice, ...]
    containers: tuple[Container, ...] = ()
    cart_field: str = "cartId"
    partitioner: str | None = None
    by_key: tuple[str, ...] = ()
    ids_sha256: str | None = None
    waiting: int = 0
    notes: tuple[str, ...] = ()

    @property
    def run_id(self) -> str:
        """The id that its copies carry.

        It holds when the plan was made: the live fleet works a record once for each such id, and
        somebody may give a name again when nobody remembers its first use.
        """
        return f"{self.replay_id}.{self.created_at:x}"

    @property
    def lane_partitions(self) -> int:
        """How many partitions the lane has."""
        return self.counts[self.lane]

    @property
    def size(self) -> int:
        """How many offsets are to be read."""
        return sum(each.size for each in self.slices)

    def number_of(self, source: Partition, key: bytes | None) -> int:
        """Return the partition number in the lane where a record of a partition belongs.

        That is its own number; only where its topic has another number of partitions or other
        producers than the inputs, or the record never had one, its key decides.
        """
        is_placed = source.topic == self.lane or source.topic in self.by_key
        if self.partitioner is None or not is_placed:
            return source.number
        return place(key or b"", self.lane_partitions, self.partitioner)
