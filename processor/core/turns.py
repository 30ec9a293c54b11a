"""Turns: which lane may move next.

Live confirms go before live releases, those before anything replayed. A lane whose head rests
until a moment sleeps in a heap. In a hold every second probe goes to a record that was never
tried, so that good ones behind those that failed are found.
"""

from collections import deque
from heapq import heappop, heappush

from processor.core.lanes import Lane
from processor.core.partitions import PartitionState
from processor.core.permits import Permit, Permits
from processor.core.scopes import Scope, scope_of


class Turns:
    """The lanes that are ready, and those that sleep."""

    __slots__ = ("_arrivals", "_permits", "_ready", "_sleeping")

    def __init__(self, permits: Permits) -> None:
        """Begin with nothing ready; `permits` say whose calls may go out."""
        self._permits = permits
        self._ready: tuple[deque[tuple[PartitionState, Lane]], ...] = (deque(), deque(), deque())
        self._sleeping: list[tuple[float, int, PartitionState, Lane]] = []
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

    def next(self, at: float) -> tuple[PartitionState, Lane] | None:
        """Take the lane whose turn it is out of its queue."""
        for scope in Scope:
            queue = self._ready[scope]
            while queue and (permit := self._permits.of(scope, at)) is not Permit.NO:
                if permit is Permit.PROBE and self._permits.holds.by_scope[scope].failures % 2:
                    _bring_untried_forward(queue)
                state, lane = queue.popleft()
                if lane.queued_in == scope:  # otherwise it has moved to another queue since
                    lane.queued_in = None
                    return state, lane
        return None


def _bring_untried_forward(queue: deque[tuple[PartitionState, Lane]]) -> None:
    """Put the first lane in front whose head was never tried, if there is one."""
    for index, (_, lane) in enumerate(queue):
        if lane.head is not None and lane.head.attempts == 0:
            if index:
                place = queue[index]
                del queue[index]
                queue.appendleft(place)
            return
