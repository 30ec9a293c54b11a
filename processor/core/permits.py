"""Permits: who may call now.

One call takes a permit, its reply gives it back. Beside the limit of the process each scope has
an adaptive one; a scope that Rokt has asked to wait is paused; one that is held gets a single
permit whenever a probe is due; and the rate holds for all of them together.

So that live calls find permits, those of the replay lane go out only while less than half of the
process's are taken, are never more than a quarter, and leave a part of the rate.
"""

from collections.abc import Callable
from enum import Enum, auto
from math import inf
from typing import Final

from processor.core.effects import Observation, PauseBegan
from processor.core.holds import Holds
from processor.core.limit import Limit
from processor.core.rate import Rate
from processor.core.records import Now
from processor.core.replies import Verdict
from processor.core.scopes import STOPPED_BY, Scope, scope_of
from processor.core.work import Work

_STOOD_STILL: Final = 60.0
_REPLAY_PART: Final = 4
_KEPT_FOR_LIVE: Final = 0.25


class Permit(Enum):
    """Whether a call may go out."""

    NO = auto()
    YES = auto()
    PROBE = auto()  # one, to see whether the hold may end


class Permits:
    """The limits on calls, and what stops them.

    `rate` is that of the process; `paces` are what Rokt leaves of it to each scope.
    """

    __slots__ = (
        "_emit",
        "_most",
        "_passed_until",
        "_paused_until",
        "_stopped",
        "holds",
        "in_flight",
        "limits",
        "paces",
        "rate",
    )

    def __init__(self, most: int, emit: Callable[[Observation], None]) -> None:
        """`most` calls may be in flight at once; `emit` is told of holds."""
        self._most = most
        self.in_flight = 0
        self._emit = emit
        self._paused_until = dict.fromkeys(Scope, Now(0.0, 0.0))
        self._passed_until = inf
        self._stopped = dict.fromkeys(Scope, 0.0)
        self.limits = {
            scope: Limit(max(1, most // _REPLAY_PART) if scope is Scope.REPLAY else most)
            for scope in Scope
        }
        self.holds = Holds(emit)
        self.rate = Rate()
        self.paces = {scope: Rate() for scope in Scope}

    def of(self, scope: Scope, at: float) -> Permit:
        """Return what a scope may do now."""
        limit, is_replay = self.limits[scope], scope is Scope.REPLAY
        if (
            self.in_flight >= (max(1, self._most // 2) if is_replay else self._most)
            or not limit.has_room
            or self.is_paused(scope, at)
            or self.holds.is_stopped(scope)
            or not self.paces[scope].allows(at)
            or not self.rate.allows(at, keeping=_KEPT_FOR_LIVE if is_replay else 0.0)
        ):
            return Permit.NO
        hold = self.holds.by_scope.get(scope)
        if hold is None:
            return Permit.YES
        return Permit.PROBE if limit.in_flight == 0 and at >= hold.next_probe.at else Permit.NO

    def take(self, scope: Scope, at: float) -> None:
        """Note that a call goes out."""
        self.in_flight += 1
        self.limits[scope].in_flight += 1
        self.rate.spend(at)
        self.paces[scope].spend(at)

    def give_back(self, scope: Scope) -> None:
        """Note that a call has come back, or was not sent after all."""
        self.in_flight -= 1
        self.limits[scope].in_flight -= 1

    def is_held(self, work: Work) -> bool:
        """Whether a record's scope is held."""
        return scope_of(work) in self.holds.by_scope

    def slow_down(self, scope: Scope, verdict: Verdict, sent_at: float, at: float) -> None:
        """Ask for less at once, or less often, if a reply to a call of `sent_at` shows the need.

        What Rokt says to a scope holds for those too that its hold would stop.
        """
        if verdict.is_overload:
            self.limits[scope].cut(sent_at, at)
        if verdict.asks_for_less:
            for each in _with_dependents(scope):
                self.paces[each].halve(sent_at, at)

    def end_hold(self, scope: Scope, now: Now, *, is_proven: bool) -> None:
        """End a hold, if there is one: calls grow back from one at a time."""
        if self.holds.end(scope, now, is_proven=is_proven):
            for each in _with_dependents(scope):
                self.limits[each].restart()

    def end_unprobed_holds(self, now: Now) -> None:
        """End the holds that nobody probes: nothing may be left that could."""
        for scope in self.holds.unprobed(now.at):
            self.end_hold(scope, now, is_proven=False)

    def pause(self, scope: Scope, seconds: float, why: str, now: Now) -> None:
        """Pause a scope; a confirm's pause stops the others too."""
        if not self.is_paused(scope, now.at):
            self._emit(PauseBegan(scope, seconds, why))
        until = Now(now.at + seconds, now.wall + seconds)
        self._paused_until[scope] = max(self._paused_until[scope], until)

    def pauses(self) -> dict[Scope, float]:
        """Return until when scopes are paused by their own pauses, in seconds since the epoch."""
        return {
            scope: until.wall
            for scope, until in self._paused_until.items()
            if self._passed_until < until.at
        }

    def is_paused(self, scope: Scope, at: float) -> bool:
        """Whether a scope is paused: by its own pause, or by that of the confirms."""
        return at < self._end_of_pause(scope)

    def _end_of_pause(self, scope: Scope) -> float:
        return max(self._paused_until[scope].at, self._paused_until[Scope.CONFIRM].at)

    def pass_time(self, now: Now, *, may_work: bool) -> None:
        """Count the time that passed since the last time for the scopes that were stopped.

        All of them were while no partition might work, or nobody counted: the process stood still.
        """
        since, self._passed_until = self._passed_until, now.at
        is_idle = not may_work or now.at - since > _STOOD_STILL
        for scope in Scope:
            is_held = is_idle or scope in self.holds.by_scope or self.holds.is_stopped(scope)
            until = now.at if is_held else min(now.at, self._end_of_pause(scope))
            if until > since:
                self._stopped[scope] += until - since

    def patience_clock(self, scope: Scope, at: float) -> float:
        """Return seconds on a clock that stands still while the scope is held or paused."""
        return at - self._stopped[scope]


def _with_dependents(scope: Scope) -> tuple[Scope, ...]:
    """Return a scope and those that its hold stops."""
    return (scope, *(other for other, by in STOPPED_BY.items() if scope in by))
