"""Partition state: all inputs' partition number p, worked as one, with one ledger.

Carts live in partitions: the payments and abandonments of a cart have the same partition
number, so whoever owns number p of every input has everything that is known of its carts.
Only then p works; it stops when any one of them goes. The replay lane's partition p is worked
along with them, where they are.
"""

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from math import ceil
from typing import Final

from processor.core import horizon
from processor.core.effects import CommitOffset
from processor.core.events import OrderPaid
from processor.core.lanes import Lane
from processor.core.ledger import Ledger
from processor.core.ledgers import Kept, ResultsRead
from processor.core.offsets import Offsets
from processor.core.records import Partition, Record
from processor.core.replies import Verdict
from processor.core.work import Work

_COUNT_FOR: Final = 1.0
_LEAD_FOR: Final = 2.0
_COUNTS_ONCE_MORE: Final = 4 * 1024
_HEADER_TAKES: Final = 64  # bytes of memory, however short it is
DECODED_AT_ONCE: Final = 1024 * 1024  # bytes of values that waited for their schema


class Phase(Enum):
    """How far an assignment of a partition number has come."""

    INCOMPLETE = auto()  # some input's partition is owned by somebody else
    RESTORING = auto()  # its ledger is being read
    WORKING = auto()
    DRAINING = auto()  # it is being handed over: nothing new begins
    CLOSED = auto()  # its last offsets are being committed


class Rereading(Enum):
    """Whether the results were read once more before the first tainted call."""

    NOT_ASKED = auto()
    ASKED = auto()
    DONE = auto()


class Input:
    """One owned partition of one input.

    `horizon` is the acknowledged one: calls go out for offsets below it only. Records below
    `taint_below` may have been called by an earlier owner. `end` is where the log ended when it
    was assigned. `bulk` is what the unfinished records weigh beyond one each: large ones count
    towards the limit once more for every 4 KiB.
    """

    __slots__ = (
        "_counted_from",
        "_counted_since",
        "_per_second",
        "bulk",
        "end",
        "horizon",
        "is_paused",
        "is_span_full",
        "offsets",
        "taint_below",
    )

    def __init__(self, committed: int, taint_below: int, end: int) -> None:
        """Begin at a committed offset."""
        self.offsets = Offsets(committed)
        self.bulk = 0
        self.end = end
        self.taint_below = taint_below
        self.horizon = committed
        self.is_paused = False
        self.is_span_full = False
        self._counted_from = committed
        self._counted_since = 0.0
        self._per_second = 0.0

    def plan_horizon(self, at: float) -> int:
        """Return how far the next commit lets calls go beyond the newest record.

        As far as records came in the last seconds: in a steady stream hardly a call waits for a
        commit of its own, and a partition that was quiet taints nothing that came after a crash.
        """
        position = self.offsets.position
        elapsed = at - self._counted_since
        if elapsed >= _COUNT_FOR:
            self._per_second = (position - self._counted_from) / elapsed
            self._counted_from, self._counted_since = position, at
        lead = max(ceil(self._per_second * _LEAD_FOR), position - self._counted_from)
        reach = max(position + lead, self.taint_below)
        # It may be the one that a next owner reads as soon as it is sent, so less holds at once.
        self.horizon = min(self.horizon, reach)
        return reach

    def is_full(self, max_unfinished: int, max_span: int) -> bool:
        """Whether a limit is reached; which one decides when there is room again."""
        self.is_span_full = self.offsets.span >= max_span
        return self.is_beyond(max_unfinished, max_span)

    def is_beyond(self, max_unfinished: int, max_span: int) -> bool:
        """Whether as many records are unfinished, or lie that far apart."""
        return self.offsets.span >= max_span or self._load >= max_unfinished

    def has_room(self, max_unfinished: int, max_span: int) -> bool:
        """Whether what was full is half empty again, and nothing else is full."""
        span = max_span // 2 if self.is_span_full else max_span - 1
        return self._load <= max_unfinished // 2 and self.offsets.span <= span

    def track(self, record: Record) -> bool:
        """Begin a record; False (and nothing changes) when it was received before."""
        is_new = self.offsets.track(record.source.offset)
        if is_new:
            self.bulk += _bulk(record)
        return is_new

    def resolve(self, record: Record) -> None:
        """Finish a record. KeyError when it is not unfinished."""
        self.offsets.resolve(record.source.offset)
        self.bulk -= _bulk(record)

    @property
    def _load(self) -> int:
        return self.offsets.unfinished + self.bulk


def _bulk(record: Record) -> int:
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:
        size += _HEADER_TAKES + len(name) + len(value or b"")
    return size // _COUNTS_ONCE_MORE


class PartitionState:
    """What is being done in one partition number, from assignment to hand-over.

    Its identity is the assignment: what belongs to another instance is stale.
    """

    __slots__ = (
        "asked_ends_at",
        "asking",
        "awaiting_end",
        "epoch",
        "gated",
        "inputs",
        "lanes",
        "late",
        "lease_until",
        "ledger",
        "number",
        "parked",
        "pending",
        "phase",
        "rereading",
        "results",
        "running",
    )

    def __init__(self, number: int, epoch: int, kept: Kept) -> None:
        """Begin owning nothing, with a ledger and how far it has read the results."""
        self.number = number
        self.epoch = epoch
        self.ledger = kept.ledger
        self.results = ResultsRead(kept.position)
        self.phase = Phase.INCOMPLETE
        self.rereading = Rereading.NOT_ASKED
        self.lease_until = 0.0
        self.running = 0
        self.inputs: dict[str, Input] = {}
        self.lanes: dict[bytes | None, Lane] = {}
        self.parked: list[Lane] = []
        self.gated: list[tuple[int, int, Lane]] = []
        self.pending: dict[int | str, list[tuple[Lane, Work]]] = {}
        self.late: list[tuple[Lane, Work, Verdict]] = []
        self.awaiting_end: list[tuple[Lane, Work]] = []
        self.asking: list[tuple[Lane, Work]] = []
        self.asked_ends_at = 0.0

    def at(self, topic: str) -> Partition:
        """Return the partition of a topic that has this number."""
        return Partition(topic, self.number)

    @property
    def kept(self) -> Kept:
        """The ledger, and how far it has read the results."""
        return Kept(self.ledger, self.results.position)

    def is_working(self, at: float) -> bool:
        """Whether calls may go out: all owned, restored, not draining, and the lease holds."""
        return self.phase is Phase.WORKING and at < self.lease_until

    @property
    def is_settled(self) -> bool:
        """Whether it works, and waits for nothing of the results."""
        return self.phase is Phase.WORKING and self.rereading is not Rereading.ASKED

    def take_pending(self, schema: int | str, room: int) -> list[tuple[Lane, Work]]:
        """Take what waits for a schema: what fits into so many bytes, and one more."""
        waiting = self.pending.pop(schema, [])
        taken = 0
        while taken < len(waiting) and room > 0:
            room -= len(waiting[taken][1].record.value or b"")
            taken += 1
        if rest := waiting[taken:]:
            self.pending[schema] = rest
        return waiting[:taken]

    def place(self, work: Work) -> Lane:
        """Put a record into its cart's lane."""
        key = work.record.key
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = Lane(key)
        lane.put(work)
        return lane

    def is_all_failing(self, topic: str) -> bool:
        """Whether all that can be done with an input's records has failed and is to be repeated."""
        return all(
            head.attempts > 0 and lane.running is None
            for lane in self.lanes.values()
            if (head := lane.head) is not None and head.record.source.topic == topic
        )

    def works(self) -> Iterator[tuple[Lane, Work]]:
        """Go over all unfinished records."""
        for lane in self.lanes.values():
            for work in lane:
                yield lane, work

    def replace_ledger(self, ledger: Ledger) -> None:
        """Begin the ledger anew: the offsets went back to where it has forgotten what is done."""
        self.ledger = ledger
        self.results.begin_anew()
        for _, work in self.works():
            if isinstance(work.content, OrderPaid):
                ledger.learn_payment(work.content)

    def undecoded_below(self, topic: str, offset: int) -> bool:
        """Whether a record of an input below an offset waits for its schema."""
        return any(
            work.record.source.topic == topic and work.record.source.offset < offset
            for waiting in self.pending.values()
            for _, work in waiting
        )

    def commit_offsets(self, horizons: Mapping[str, int], partitions: int) -> list[CommitOffset]:
        """Return what to commit while working, with the horizon of each input."""
        return [
            _commit(
                Partition(topic, self.number),
                self.inputs[topic].offsets.next_offset,
                reach,
                partitions,
            )
            for topic, reach in horizons.items()
        ]

    def closing_offsets(self, partitions: int) -> Iterator[CommitOffset]:
        """Return what to commit at the hand-over: the horizon covers doubtful records only."""
        reach = {
            topic: owned.taint_below if owned.taint_below > owned.offsets.position else 0
            for topic, owned in self.inputs.items()
        }
        for lane, work in self.works():
            if work.is_ambiguous or lane.running is work:
                source = work.record.source
                reach[source.topic] = max(reach[source.topic], source.offset + 1)
        for topic, owned in self.inputs.items():
            partition, next_offset = Partition(topic, self.number), owned.offsets.next_offset
            yield _commit(partition, next_offset, max(reach[topic], next_offset), partitions)


def _commit(partition: Partition, offset: int, reach: int, partitions: int) -> CommitOffset:
    metadata = horizon.write(horizon.Horizon(offset=reach, partitions=partitions))
    return CommitOffset(partition, offset, metadata)
