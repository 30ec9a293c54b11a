"""Turns: which lane may move next.

Live confirms go before live releases, those before anything replayed. A lane whose head rests
until a moment sleeps in a heap. A scope that Rokt has asked to slow down is paused as a whole.
"""

from collections import deque
from enum import IntEnum
from heapq import heappop, heappush

from processor.core.lanes import Lane
from processor.core.partitions import PartitionState
from processor.core.work import Rank, Work


class Scope(IntEnum):
    """What is paused and counted together; a lower one goes first."""

    CONFIRM = 0
    RELEASE = 1
    REPLAY = 2


def scope_of(work: Work) -> Scope:
    """Return the scope that a record's call belongs to."""
    if work.is_replayed:
        return Scope.REPLAY
    return Scope.CONFIRM if work.rank is Rank.CONFIRM else Scope.RELEASE


class Turns:
    """The lanes that are ready, those that sleep, and the scopes that are paused."""

    __slots__ = ("_arrivals", "_paused_until", "_ready", "_sleeping")

    def __init__(self) -> None:
        """Begin with nothing ready and nothing paused."""
        self._ready: tuple[deque[tuple[PartitionState, Lane]], ...] = (deque(), deque(), deque())
        self._sleeping: list[tuple[float, int, PartitionState, Lane]] = []
        self._paused_until = [0.0, 0.0, 0.0]
        self._arrivals = 0

    def offer(self, state: PartitionState, lane: Lane, at: float) -> None:
        """Let a lane move when its head may: now, or when it has rested.

        A confirm that overtakes releases takes the lane along into its own queue.
        """
        head = lane.head
        if head is None or lane.running is not None:
            return
        if head.due > at:
            self._arrivals += 1
            heappush(self._sleeping, (head.due, self._arrivals, state, lane))
            return
        scope = scope_of(head)
        if lane.queued_in is None or scope < lane.queued_in:
            lane.queued_in = scope
            self._ready[scope].append((state, lane))

    def wake(self, at: float) -> None:
        """Make the lanes ready that have rested until now."""
        while self._sleeping and self._sleeping[0][0] <= at:
            _, _, state, lane = heappop(self._sleeping)
            self.offer(state, lane, at)

    def pause(self, scope: Scope, until: float) -> None:
        """Pause a scope; a confirm's pause stops the others too."""
        self._paused_until[scope] = max(self._paused_until[scope], until)

    def is_paused(self, scope: Scope, at: float) -> bool:
        """Whether a scope is paused: by its own pause, or by that of the confirms."""
        return at < self._paused_until[scope] or at < self._paused_until[Scope.CONFIRM]

    def next(self, at: float) -> tuple[PartitionState, Lane] | None:
        """Take the lane whose turn it is out of its queue."""
        for scope in Scope:
            queue = self._ready[scope]
            while queue and not self.is_paused(scope, at):
                state, lane = queue.popleft()
                if lane.queued_in == scope:  # otherwise it has moved to another queue since
                    lane.queued_in = None
                    return state, lane
        return None
