"""Holds: what to do while everything fails.

A hold is the ordinary dispatcher with one permit: one call at a time, after growing pauses, as a
probe. Nothing is given up meanwhile and no patience is used up. It ends with the first reply
that proves that Rokt is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from processor.core.effects import HoldBegan, HoldEnded, Observation
from processor.core.records import Now
from processor.core.replies import Verdict
from processor.core.retries import systemic_delay
from processor.core.scopes import STOPPED_BY, Scope
from processor.core.vocabulary import Reason

_NOT_MORE_OFTEN: Final = 1.0
_UNPROBED_FOR: Final = 60.0


@dataclass(slots=True, kw_only=True)
class Hold:
    """One scope's hold: since when, why, and when it is probed next.

    `prefers_untried`: the next probe goes to a record that was never tried, if there is one.
    """

    since: Now
    verdict: Verdict
    next_probe: Now
    failures: int = 0
    prefers_untried: bool = True
    has_untried: bool = False
    failed_at: float = 0.0

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
        """Begin a hold, or note that one goes on: then the next probe is put off."""
        hold = self.by_scope.get(scope)
        if hold is None:
            hold = self.by_scope[scope] = Hold(since=now, verdict=verdict, next_probe=now)
            self._emit(HoldBegan(scope, hold.reason, hold.why))
        self.put_off(scope, verdict, sent_at, now)

    def put_off(self, scope: Scope, verdict: Verdict, sent_at: float, now: Now) -> None:
        """Put the next probe off, if there is a hold, for a reply that does not end it.

        What went out before a probe was due, such as the calls in the air at the beginning, was
        none.
        """
        hold = self.by_scope.get(scope)
        if hold is None or (sent_at < hold.next_probe.at and hold.failures):
            return
        hold.failures += 1
        hold.verdict = verdict
        hold.failed_at = now.at
        hold.prefers_untried = not hold.prefers_untried or hold.failures == 1
        pause = systemic_delay(hold.failures, heals_slowly=verdict.heals_slowly)
        hold.next_probe = Now(now.at + pause, now.wall + pause)

    def end(self, scope: Scope, now: Now, *, is_proven: bool) -> bool:
        """End a hold, by a proof that Rokt is there or for want of one; return whether it was."""
        hold = self.by_scope.pop(scope, None)
        if hold is not None:
            self._emit(HoldEnded(scope, now.at - hold.since.at, hold.failures, is_proven))
        return hold is not None

    def hasten(self, now: Now) -> None:
        """Probe at once: what the holds wait for may have changed."""
        for hold in self.by_scope.values():
            hold.next_probe = now  # and so a probe that is in the air decides nothing

    def see_untried(self, scope: Scope, now: Now) -> None:
        """Probe soon, and with it, when a record comes while none is there that was never tried.

        Where orders are rare a good one must not wait for minutes because a bad one fails.
        """
        hold = self.by_scope.get(scope)
        if hold is None or hold.has_untried:
            return
        hold.has_untried = hold.prefers_untried = True
        soon = max(0.0, hold.failed_at + _NOT_MORE_OFTEN - now.at)
        due = max(hold.next_probe, now)  # and so a probe that is in the air decides nothing
        hold.next_probe = min(due, Now(now.at + soon, now.wall + soon))

    def unprobed(self, at: float) -> tuple[Scope, ...]:
        """Return the scopes that nobody has probed although it was time long since."""
        return tuple(
            scope
            for scope, hold in self.by_scope.items()
            if at >= hold.next_probe.at + _UNPROBED_FOR
        )

    def is_stopped(self, scope: Scope) -> bool:
        """Whether the hold of another scope stops this one."""
        return any(other in self.by_scope for other in STOPPED_BY[scope])
