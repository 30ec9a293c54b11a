"""Turns: which lane may move next.

Live confirms go before live releases, those before anything replayed. A lane whose head rests
until a moment sleeps in a heap. In a hold every second probe goes to a record that was never
tried, so that good ones behind those that failed are found.
"""

from collections import deque
from collections.abc import Collection
from heapq import heapify, heappop, heappush
from typing import Final

from processor.core.holds import Hold
from processor.core.lanes import Lane
from processor.core.partitions import PartitionState
from processor.core.permits import Permit, Permits
from processor.core.records import Now
from processor.core.scopes import Scope, scope_of

Queue = deque[tuple[PartitionState, Lane]]
_SCOPES: Final = tuple(Scope)  # going over the class itself takes a microsecond


class Turns:
    """The lanes that are ready, and those that sleep."""

    __slots__ = ("_arrivals", "_permits", "_ready", "_sleeping")

    def __init__(self, permits: Permits) -> None:
        """Begin with nothing ready; `permits` say whose calls may go out."""
        self._permits = permits
        self._ready: tuple[Queue, ...] = (deque(), deque(), deque())
        self._sleeping: list[tuple[float, int, PartitionState, Lane]] = []
        self._arrivals = 0

    def offer(self, state: PartitionState, lane: Lane, now: Now) -> None:
        """Let a lane move when its head may: now, or when it has rested.

        A confirm that overtakes releases takes the lane along into its own queue.
        """
        head = lane.head
        if head is None or lane.running is not None:
            return
        if head.due > now.at:
            self._arrivals += 1
            heappush(self._sleeping, (head.due, self._arrivals, state, lane))
            return
        scope = scope_of(head)
        if lane.queued_in is None or scope < lane.queued_in:
            lane.queued_in = scope
            self._ready[scope].append((state, lane))
            if head.attempts == 0:
                self._permits.holds.see_untried(scope, now)

    def wake(self, now: Now) -> None:
        """Make the lanes ready that have rested until now."""
        while self._sleeping and self._sleeping[0][0] <= now.at:
            _, _, state, lane = heappop(self._sleeping)
            self.offer(state, lane, now)

    def next(self, at: float) -> tuple[PartitionState, Lane] | None:
        """Take the lane whose turn it is out of its queue."""
        for scope, queue in zip(_SCOPES, self._ready, strict=True):
            while queue and (permit := self._permits.of(scope, at)) is not Permit.NO:
                if permit is Permit.PROBE:
                    self._choose_probe(self._permits.holds.by_scope[scope], queue)
                state, lane = queue.popleft()
                if lane.queued_in == scope:  # otherwise it has moved to another queue since
                    lane.queued_in = None
                    return state, lane
        return None

    def _choose_probe(self, hold: Hold, queue: Queue) -> None:
        """Put a lane in front whose head was never tried, if the next probe is for such a one."""
        if not hold.prefers_untried:
            return
        for index, (_, lane) in enumerate(queue):
            if lane.head is not None and lane.head.attempts == 0:
                queue.rotate(-index)
                return
        hold.has_untried = False

    def forget(self, states: Collection[PartitionState]) -> None:
        """Let go of the lanes of assignments that have ended."""
        if not states:
            return
        ended = {id(state) for state in states}
        for queue in self._ready:
            kept = [place for place in queue if id(place[0]) not in ended]
            queue.clear()
            queue.extend(kept)
        self._sleeping = [each for each in self._sleeping if id(each[2]) not in ended]
        heapify(self._sleeping)
