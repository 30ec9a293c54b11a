"""Holds: what to do while everything fails.

A hold is the ordinary dispatcher with one permit: one call at a time, after growing pauses, as a
probe. Nothing is given up meanwhile and no patience is used up. It ends with the first reply
that proves that Rokt is there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from processor.core.effects import HoldBegan, HoldEnded, Observation
from processor.core.records import Now
from processor.core.replies import Verdict
from processor.core.retries import systemic_delay
from processor.core.scopes import STOPPED_BY, Scope
from processor.core.vocabulary import Reason


@dataclass(slots=True, kw_only=True)
class Hold:
    """One scope's hold: since when, why, and when it is probed next."""

    since: Now
    verdict: Verdict
    next_probe: Now
    failures: int = 0

    @property
    def reason(self) -> Reason:
        """The reason that a record would end with, were it convicted of this."""
        return self.verdict.reason or Reason.RETRIES_EXHAUSTED

    @property
    def why(self) -> str:
        """The last reply in words."""
        return self.verdict.detail or str(self.reason)


class Holds:
    """The holds of all scopes."""

    __slots__ = ("_emit", "by_scope")

    def __init__(self, emit: Callable[[Observation], None]) -> None:
        """Begin with none; `emit` is told of each that begins and ends."""
        self._emit = emit
        self.by_scope: dict[Scope, Hold] = {}

    def fail(self, scope: Scope, verdict: Verdict, sent_at: float, now: Now) -> None:
        """Begin a hold, or note that one goes on: then the next probe is put off.

        Calls that were in the air when it began are no probes.
        """
        hold = self.by_scope.get(scope)
        if hold is None:
            hold = self.by_scope[scope] = Hold(since=now, verdict=verdict, next_probe=now)
            self._emit(HoldBegan(scope, hold.reason, hold.why))
        elif sent_at < hold.since.at:
            return
        hold.failures += 1
        hold.verdict = verdict
        pause = systemic_delay(hold.failures, heals_slowly=verdict.heals_slowly)
        hold.next_probe = Now(now.at + pause, now.wall + pause)

    def end(self, scope: Scope, now: Now) -> bool:
        """End a hold; return whether there was one."""
        hold = self.by_scope.pop(scope, None)
        if hold is not None:
            self._emit(HoldEnded(scope, now.at - hold.since.at, hold.failures))
        return hold is not None

    def hasten(self, now: Now) -> None:
        """Probe at once: what the holds wait for may have changed."""
        for hold in self.by_scope.values():
            hold.next_probe = now

    def is_stopped(self, scope: Scope) -> bool:
        """Whether the hold of another scope stops this one."""
        return any(other in self.by_scope for other in STOPPED_BY[scope])
