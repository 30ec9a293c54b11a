"""The release gate: a release waits until every payment that lay in the log before it is known.

When a release is admitted, the end of its partition in the payments topic is asked of the
broker; it goes out only when all records below that end have been received and decoded. So a
payment is known to the ledger however far its topic lags.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from processor.core.lanes import Lane
from processor.core.partitions import PartitionState
from processor.core.work import Work


class Gates:
    """Where releases wait for payments, partition by partition."""

    __slots__ = ("_ask_every", "_payments")

    def __init__(self, payments: str, ask_every: float) -> None:
        """`payments` is the topic; a partition's end is asked at most every so many seconds."""
        self._payments = payments
        self._ask_every = ask_every

    def await_end(self, state: PartitionState, lane: Lane, work: Work) -> None:
        """Begin waiting for an end that is asked for after this moment."""
        state.awaiting_end.append((lane, work))

    def to_ask(self, state: PartitionState, at: float) -> bool:
        """Whether the end of a partition is to be asked now; then it counts as asked."""
        if not state.awaiting_end or state.asking or at < state.asked_ends_at + self._ask_every:
            return False
        state.asking, state.awaiting_end = state.awaiting_end, []
        state.asked_ends_at = at
        return True

    def answered(self, state: PartitionState, end: int | None) -> Iterator[Lane]:
        """Take in an end and return the lanes that may move; None: ask again."""
        asking, state.asking = state.asking, []
        if end is None:
            state.awaiting_end = asking + state.awaiting_end
            return
        for lane, work in asking:
            work.gate = end
            yield lane

    def is_open(self, state: PartitionState, work: Work) -> bool:
        """Whether a release may go: its gate is known and everything below it is decoded."""
        gate = work.gate
        return gate is not None and self._is_reached(state, gate)

    def wait(self, state: PartitionState, lane: Lane, work: Work) -> None:
        """Let a lane wait at its head's gate; without one it waits for the answer anyway."""
        if work.gate is not None:
            heappush(state.gated, (work.gate, work.arrival, lane))

    def opened(self, state: PartitionState) -> Iterator[Lane]:
        """Return the lanes whose gates have opened."""
        while state.gated and self._is_reached(state, state.gated[0][0]):
            yield heappop(state.gated)[2]

    def _is_reached(self, state: PartitionState, gate: int) -> bool:
        payments = state.inputs.get(self._payments)
        return (
            payments is not None
            and payments.offsets.position >= gate
            and not payments.undecoded_below(gate)
        )
