"""Permits: who may call now.

One call takes a permit, its reply gives it back. Beside the limit of the process each scope has
an adaptive one; a scope that Rokt has asked to wait is paused; one that is held gets a single
permit whenever a probe is due; and the rate holds for all of them together.
"""

from collections.abc import Callable
from enum import Enum, auto
from math import inf

from processor.core.effects import Observation
from processor.core.holds import Holds
from processor.core.limit import Limit
from processor.core.rate import Rate
from processor.core.records import Now
from processor.core.scopes import Scope, scope_of
from processor.core.work import Work


class Permit(Enum):
    """Whether a call may go out."""

    NO = auto()
    YES = auto()
    PROBE = auto()  # one, to see whether the hold may end


class Permits:
    """The limits on calls, and what stops them."""

    __slots__ = (
        "_in_flight",
        "_most",
        "_passed_until",
        "_paused_until",
        "_stopped",
        "holds",
        "limits",
        "rate",
    )

    def __init__(self, most: int, emit: Callable[[Observation], None]) -> None:
        """`most` calls may be in flight at once; `emit` is told of holds."""
        self._most = most
        self._in_flight = 0
        self._paused_until = dict.fromkeys(Scope, 0.0)
        self._passed_until = inf
        self._stopped = dict.fromkeys(Scope, 0.0)
        self.limits = {scope: Limit(most) for scope in Scope}
        self.holds = Holds(emit)
        self.rate = Rate()

    def of(self, scope: Scope, at: float) -> Permit:
        """Return what a scope may do now."""
        limit = self.limits[scope]
        if (
            self._in_flight >= self._most
            or not limit.has_room
            or self.is_paused(scope, at)
            or self.holds.is_stopped(scope)
            or not self.rate.allows(at)
        ):
            return Permit.NO
        hold = self.holds.by_scope.get(scope)
        if hold is None:
            return Permit.YES
        return Permit.PROBE if limit.in_flight == 0 and at >= hold.next_probe.at else Permit.NO

    def take(self, scope: Scope, at: float) -> None:
        """Note that a call goes out."""
        self._in_flight += 1
        self.limits[scope].in_flight += 1
        self.rate.spend(at)

    def give_back(self, scope: Scope) -> None:
        """Note that a call has come back, or was not sent after all."""
        self._in_flight -= 1
        self.limits[scope].in_flight -= 1

    def is_held(self, work: Work) -> bool:
        """Whether a record's scope is held."""
        return scope_of(work) in self.holds.by_scope

    def pause(self, scope: Scope, until: float) -> None:
        """Pause a scope; a confirm's pause stops the others too."""
        self._paused_until[scope] = max(self._paused_until[scope], until)

    def is_paused(self, scope: Scope, at: float) -> bool:
        """Whether a scope is paused: by its own pause, or by that of the confirms."""
        return at < self._end_of_pause(scope)

    def _end_of_pause(self, scope: Scope) -> float:
        return max(self._paused_until[scope], self._paused_until[Scope.CONFIRM])

    def pass_time(self, now: Now) -> None:
        """Count the time that passed since the last time for the scopes that were stopped."""
        since, self._passed_until = self._passed_until, now.at
        for scope in Scope:
            is_held = scope in self.holds.by_scope or self.holds.is_stopped(scope)
            until = now.at if is_held else min(now.at, self._end_of_pause(scope))
            if until > since:
                self._stopped[scope] += until - since

    def patience_clock(self, scope: Scope, at: float) -> float:
        """Return seconds on a clock that stands still while the scope is held or paused."""
        return at - self._stopped[scope]
