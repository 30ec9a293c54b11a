"""Partition state: all inputs' partition number p, worked as one, with one ledger.

Carts live in partitions: the payments and abandonments of a cart have the same partition
number, so whoever owns number p of every input has everything that is known of its carts.
Only then p works; it stops when any one of them goes. The replay lane's partition p is worked
along with them, where they are.
"""

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Final

from processor.core import horizon
from processor.core.effects import CommitOffset
from processor.core.events import OrderPaid, Pending, problems
from processor.core.inputs import Input
from processor.core.lanes import Lane
from processor.core.ledger import Ledger
from processor.core.ledgers import Kept, ResultsRead
from processor.core.records import Partition
from processor.core.replies import Verdict
from processor.core.work import Work

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

    def read(self, lane: Lane, work: Work) -> None:
        """Do what can be done once the content of a record is known."""
        owned = self.inputs[work.record.source.topic]
        if isinstance(work.content, Pending):
            owned.await_schema(work.record)
            self.pending.setdefault(work.content.schema, []).append((lane, work))
            return
        owned.decoded(work.record)
        if isinstance(event := work.content, OrderPaid):
            self.ledger.learn_payment(event)
            if work.is_tainted and not problems(event, work.record.key):
                self.ledger.open(event)
        work.identify()

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
