"""Recent: what happened in the last minutes, so that the page has something to draw at once.

It is kept whether somebody looks or not, in little space: a point every few seconds, and the last
dead letters.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from processor.core.effects import (
    CallEnded,
    HoldBegan,
    HoldEnded,
    Observation,
    PauseBegan,
    RecordEnded,
    RecordResolved,
    ReplaySettled,
    Retrying,
)
from processor.core.records import Source
from processor.core.replies import Kind
from processor.core.vocabulary import Effect, Operation, Reason

EVERY: Final = 5.0
"""Seconds from one point to the next."""
MOST_POINTS: Final = 180
MOST_LETTERS: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentLetter:
    """A dead letter by its ids and reason; what is in it stays in its topic.

    `wall` is when it was acknowledged, seconds since the epoch.
    """

    wall: float
    letter_id: str
    operation: Operation
    reason: Reason
    effect: Effect
    cart_id: str | None
    order_id: str | None
    source: Source
    http_status: int | None
    attempts: int
    is_replayed: bool


class Point(NamedTuple):
    """What happened in the seconds before a moment, and how it was then, rounded to be drawn.

    The first three are per second; `call_seconds` is the mean of the calls that ended, None when
    none did; `dead_letters`, `lag` and `in_flight` are counts.
    """

    outcomes: float
    calls: float
    failed_calls: float
    call_seconds: float | None
    dead_letters: int
    lag: int
    in_flight: int


@dataclass(slots=True)
class Replayed:
    """What came of copies since the start; `wall`: the last of them, seconds since the epoch."""

    worked: int = 0
    settled: int = 0
    dead_letters: int = 0
    replay_id: str | None = None
    wall: float | None = None


@dataclass(slots=True)
class _Counts:
    outcomes: int = 0
    calls: int = 0
    failed_calls: int = 0
    seconds: float = 0.0
    dead_letters: int = 0


class Recent:
    """Observes as the metrics do. Called on the loop's thread only."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.letters: deque[RecentLetter] = deque(maxlen=MOST_LETTERS)
        self.points: deque[Point] = deque(maxlen=MOST_POINTS)
        self.replayed = Replayed()
        self._counts = _Counts()
        self._since: float | None = None

    def observe(self, seen: Observation, wall: float) -> None:
        """Take in one observation; `wall` is now, seconds since the epoch."""
        match seen:
            case CallEnded(verdict=verdict, seconds=seconds):
                counts = self._counts
                counts.calls += 1
                counts.seconds += seconds
                if verdict.kind is not Kind.SUCCEEDED:
                    counts.failed_calls += 1
            case RecordEnded():
                self._ended(seen, wall)
            case ReplaySettled():
                self.replayed.settled += 1
                self.replayed.wall = wall
            case (
                Retrying() | HoldBegan() | HoldEnded() | PauseBegan() | RecordResolved()
            ):  # the metrics count these
                pass

    def _ended(self, seen: RecordEnded, wall: float) -> None:
        outcome, replayed = seen.outcome, self.replayed
        self._counts.outcomes += 1
        if seen.is_replayed:
            replayed.worked += 1
            replayed.dead_letters += seen.has_dead_letter
            replayed.replay_id, replayed.wall = outcome.replay_id, wall
        if seen.has_dead_letter and outcome.reason is not None:
            self._counts.dead_letters += 1
            self.letters.append(
                RecentLetter(
                    wall=wall,
                    letter_id=outcome.outcome_id,
                    operation=outcome.operation,
                    reason=outcome.reason,
                    effect=outcome.effect,
                    cart_id=outcome.cart_id,
                    order_id=outcome.order_id,
                    source=outcome.source,
                    http_status=outcome.http_status,
                    attempts=outcome.attempts,
                    is_replayed=seen.is_replayed,
                )
            )

    def look(self, at: float, lag: int, in_flight: int) -> None:
        """Make a point if it is time for one; `at` is now, steady seconds."""
        if self._since is None:
            self._since = at
        elapsed = at - self._since
        if elapsed < EVERY:
            return
        counts, self._counts, self._since = self._counts, _Counts(), at
        self.points.append(
            Point(
                outcomes=round(counts.outcomes / elapsed, 2),
                calls=round(counts.calls / elapsed, 2),
                failed_calls=round(counts.failed_calls / elapsed, 2),
                call_seconds=round(counts.seconds / counts.calls, 3) if counts.calls else None,
                dead_letters=counts.dead_letters,
                lag=lag,
                in_flight=in_flight,
            )
        )
