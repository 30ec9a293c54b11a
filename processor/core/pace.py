"""Pace: when the next copy may go into the replay lane, so that no live event waits for it.

Three things hold a copy back: the rate that was asked for, copies in the lane that the live fleet
has not finished, and live events that are late. The lane is kept short because what lies in it is
worked even after the copying has stopped.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from processor.core.records import Partition
from processor.core.standings import Look, late, lost

DEFAULT_RATE: Final = 20.0
DEFAULT_LATE_AFTER: Final = 5.0

LEAST_AHEAD: Final = 20
AHEAD_SECONDS: Final = 3.0
_MEASURED_OVER: Final = 5.0
_STUCK_AFTER: Final = 15.0
_UNTOLD_AFTER: Final = 10.0
_BURST_SECONDS: Final = 0.25
_TORN_FOR: Final = 5.0
"""How long a lane may look torn before it is: a new leader may not know its end at once."""


class Cause(StrEnum):
    """What holds the next copy back."""

    RATE = "rate"
    """No more copies a second were asked for: the ordinary case."""
    LANE = "lane"
    """As many copies lie in the lane as the live fleet works in a few seconds."""
    LATE = "late"
    """Live events are late."""
    STUCK = "stuck"
    """Copies lie in the lane, and nothing finishes them."""
    NOBODY = "nobody"
    """No member of the live group works the lane."""
    LOST = "lost"
    """Copies are gone from the lane that the live fleet has not worked."""
    UNTOLD = "untold"
    """The brokers do not tell where the live fleet stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How copies are to be made.

    `rate` is copies per second. `late_after` (seconds): a live event that was there so long ago
    and is not finished is late. `stop_after_failures`: how many dead letters end the copying;
    None: any number may come.
    """

    rate: float = DEFAULT_RATE
    late_after: float = DEFAULT_LATE_AFTER
    stop_after_failures: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Why the next copy has to wait; `detail` is a sentence for people, empty for the rate."""

    cause: Cause
    detail: str = ""


class Pacer:
    """Tells whether the next copy may go. It is told of every copy, and of every look."""

    def __init__(self, pace: Pace, now: float) -> None:
        """Begin with nothing known of the fleet: no copy goes before the first look."""
        self._pace = pace
        self._credit, self._credited_at = 1.0, now
        self._began_at = now
        self._looks: deque[Look] = deque()
        self._finished: deque[tuple[float, int]] = deque()
        self._unfinished_since: float | None = None
        self._torn_since: dict[Partition, float] = {}
        self._sent: deque[float] = deque()
        self._lane = 0

    @property
    def pace(self) -> Pace:
        """What is kept to."""
        return self._pace

    def change(self, pace: Pace, now: float) -> None:
        """Keep to another pace from now on."""
        self._accrue(now)
        self._pace = pace
        self._credit = min(self._credit, self._burst)

    # What happened

    def look(self, look: Look) -> None:
        """Take in where the fleet stands."""
        self._looks.append(look)
        while len(self._looks) > 1 and self._age(1) >= self._pace.late_after:
            self._looks.popleft()
        # A copy that was sent after the question may or may not be in the answer: it counts twice
        # rather than not at all.
        while self._sent and self._sent[0] < look.asked_at:
            self._sent.popleft()
        self._lane = sum(standing.unfinished for standing in look.lane.values())
        self._torn_since = {
            place: self._torn_since.get(place, look.asked_at)
            for place, standing in look.lane.items()
            if standing.is_torn
        }
        self._measure(look)

    def sent(self, now: float) -> None:
        """Learn that a copy has been handed over."""
        self._accrue(now)
        self._credit -= 1.0
        self._sent.append(now)

    def ask(self, now: float) -> Wait | None:
        """Return what holds the next copy back; None: it may go."""
        return self._ask_fleet(now) or self._ask_live() or self._ask_lane() or self._ask_rate(now)

    # What is known

    @property
    def torn(self) -> Mapping[Partition, str]:
        """The partitions of the lane that have lost copies for certain, and how that shows."""
        if not self._looks:
            return {}
        look = self._looks[-1]
        return {
            place: lost(place, look.lane[place])
            for place, since in self._torn_since.items()
            if look.asked_at - since >= _TORN_FOR
        }

    @property
    def ahead(self) -> int:
        """How many copies are ahead of the live fleet, at most."""
        return self._lane + len(self._sent)

    @property
    def most_ahead(self) -> int:
        """How many may be: a few seconds of the work that the fleet has been seen to do."""
        worked = min(self.worked, self._pace.rate)
        return max(LEAST_AHEAD, int(AHEAD_SECONDS * worked))

    @property
    def worked(self) -> float:
        """How many records of the lane the fleet has finished per second lately."""
        if len(self._finished) < 2:  # noqa: PLR2004  (a speed is between two looks)
            return 0.0
        (begin, before), (end, after) = self._finished[0], self._finished[-1]
        return max(0, after - before) / max(end - begin, 0.001)

    def _age(self, index: int) -> float:
        return self._looks[-1].asked_at - self._looks[index].asked_at

    def _measure(self, look: Look) -> None:
        if any(standing.committed is None for standing in look.lane.values()):
            self._finished.clear()  # a first commit is a position, no work
            return
        finished = sum(standing.committed or 0 for standing in look.lane.values())
        has_moved = not self._finished or finished != self._finished[-1][1]
        if self._lane == 0 or has_moved or self._unfinished_since is None:
            self._unfinished_since = look.asked_at
        self._finished.append((look.asked_at, finished))
        while look.asked_at - self._finished[0][0] > _MEASURED_OVER:
            self._finished.popleft()

    def _ask_fleet(self, now: float) -> Wait | None:
        last = self._looks[-1] if self._looks else None
        heard_at = self._began_at if last is None else last.asked_at
        if now - heard_at > _UNTOLD_AFTER:
            return Wait(
                cause=Cause.UNTOLD,
                detail=f"Kafka has not told for {now - heard_at:.0f} s where the processors stand: "
                "check that its brokers run",
            )
        if last is None:
            return Wait(cause=Cause.UNTOLD)
        torn = [place for place, standing in last.lane.items() if standing.is_torn]
        if torn:
            return Wait(cause=Cause.LOST, detail=lost(torn[0], last.lane[torn[0]]))
        without = [place for place, standing in last.lane.items() if standing.committed is None]
        if last.has_members is False or without:
            return Wait(cause=Cause.NOBODY, detail=_nobody(without))
        return None

    def _ask_live(self) -> Wait | None:
        """Compare what is committed now with the ends of a while ago, or of the first look."""
        then, now = self._looks[0], self._looks[-1]
        counts = {
            place: count
            for place, standing in now.inputs.items()
            if (count := late(then.inputs.get(place), standing)) > 0
        }
        if not counts:
            return None
        place, most = max(counts.items(), key=lambda each: each[1])
        total = sum(counts.values())
        where = f", {most} of them in" if len(counts) > 1 else " in"
        return Wait(
            cause=Cause.LATE,
            detail=f"{total} live {'event is' if total == 1 else 'events are'} late"
            f"{where} {place.topic} [{place.number}]",
        )

    def _ask_lane(self) -> Wait | None:
        last = self._looks[-1].asked_at
        idle = last - (last if self._unfinished_since is None else self._unfinished_since)
        if self._lane > 0 and idle >= _STUCK_AFTER:
            return Wait(
                cause=Cause.STUCK,
                detail=f"{self._lane} copies lie in the lane, and for {idle:.0f} s none was "
                "finished: look at /status of the processors, whether they hold their calls",
            )
        if self.ahead < self.most_ahead:
            return None
        return Wait(
            cause=Cause.LANE,
            detail=f"{self.ahead} copies are ahead of the processors, which finish "
            f"{self.worked:.1f} a second",
        )

    def _ask_rate(self, now: float) -> Wait | None:
        self._accrue(now)
        return None if self._credit >= 1.0 else Wait(cause=Cause.RATE)

    @property
    def _burst(self) -> float:
        return max(1.0, _BURST_SECONDS * self._pace.rate)

    def _accrue(self, now: float) -> None:
        earned = max(0.0, now - self._credited_at) * self._pace.rate
        self._credit = min(self._burst, self._credit + earned)
        self._credited_at = max(now, self._credited_at)


def _nobody(without: list[Partition]) -> str:
    why = (
        f"the group has no offset for {without[0].topic} [{without[0].number}]"
        if without
        else "no processor runs"
    )
    return (
        f"nobody works the replay lane: {why}. Start processors, or restart those that run: they "
        "take the lane up when it is there at their start"
    )
