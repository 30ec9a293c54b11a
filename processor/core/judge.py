"""The judge: what a reply means among the others of its scope.

A failure concerns a message or everything, and that has to be known before anything is given up:
while everything fails there is a hold, and only what fails while others succeed is convicted.
"""

from collections.abc import Callable
from math import inf
from typing import Final

from processor.core.calls import Call
from processor.core.conclusions import Rest, RetrySettings, Surroundings, follow
from processor.core.history import History
from processor.core.outcomes import Ending
from processor.core.permits import Permits
from processor.core.records import Now
from processor.core.replies import Concern, Kind, Reply, Verdict
from processor.core.scopes import Scope, scope_of
from processor.core.verdicts import classify
from processor.core.vocabulary import Effect
from processor.core.work import Work

_CARTS_OF_A_MIX_UP: Final = 2
DONE: Final = frozenset({Effect.APPLIED, Effect.PARTIALLY_APPLIED})
"""Effects that a reply has positively told."""


class Judge:
    """Remembers of each scope what it takes to tell a message's fault from everybody's."""

    __slots__ = ("_histories", "_jitter", "_mismatched", "_permits", "_retries")

    def __init__(
        self, retries: RetrySettings, permits: Permits, jitter: Callable[[], float]
    ) -> None:
        """Begin having seen nothing. `jitter` returns a number in [0, 1)."""
        self._retries = retries
        self._permits = permits
        self._jitter = jitter
        self._histories = {scope: History() for scope in Scope}
        self._mismatched: dict[Scope, set[str]] = {scope: set() for scope in Scope}

    def verdict(self, work: Work, call: Call, reply: Reply, now: Now) -> Verdict:
        """Return what a reply means.

        Ids that do not match concern their message; when two carts get them in a row, somebody
        mixes connections up and everything is concerned, until a reply that fits.
        """
        scope = scope_of(work)
        is_proven = self._histories[scope].last_success > -inf
        verdict = classify(reply, call, is_proven=is_proven, wall=now.wall)
        mismatched = self._mismatched[scope]
        if verdict.kind is not Kind.MISMATCH:
            if mismatched and _proves_rokt(verdict):
                mismatched.clear()
            return verdict
        if len(mismatched) < _CARTS_OF_A_MIX_UP:
            mismatched.add(call.cart_id)
        if len(mismatched) < _CARTS_OF_A_MIX_UP:
            return verdict
        return verdict._replace(concern=Concern.SYSTEMIC, is_final=False)

    def follow(self, work: Work, verdict: Verdict, now: Now) -> Ending | Rest:
        """Note a verdict and return what follows: the record's end, or a rest."""
        scope = scope_of(work)
        history = self._histories[scope]
        history.see(work.record.key, now.at)
        if _proves_rokt(verdict):
            self._note_proof(scope, work, verdict, now)
        elif verdict.is_final or verdict.max_attempts is not None:
            self._permits.holds.put_off(scope, verdict, work.sent_at, now)
        # A final verdict needs no look around, and the draw in it would cost more than the rest.
        surroundings = _NONE if verdict.is_final else self._surroundings(scope, work, verdict, now)
        following = follow(work, verdict, surroundings, self._retries)
        if isinstance(following, Rest) and following.is_pause:
            why = verdict.detail or str(verdict.kind)
            self._permits.pause(scope, following.seconds, why, now)
        return following

    def _note_proof(self, scope: Scope, work: Work, verdict: Verdict, now: Now) -> None:
        history = self._histories[scope]
        if verdict.effect in DONE:
            history.succeeded(work, now.at)
            self._permits.limits[scope].grow()
        else:
            history.answered(work)
        self._permits.end_hold(scope, now, is_proven=True)

    def _surroundings(self, scope: Scope, work: Work, verdict: Verdict, now: Now) -> Surroundings:
        """Look at a failure among the other replies of its scope, and hold if they all fail."""
        history, holds = self._histories[scope], self._permits.holds
        work.failed(now.at, verdict.detail or str(verdict.kind))
        is_own_fault = history.clears_rokt(work)
        if not is_own_fault:
            self._permits.slow_down(scope, verdict, work.sent_at, now.at)
        is_pacing = verdict.concern is Concern.PACING
        may_concern_all = not is_pacing and verdict.max_attempts is None
        if may_concern_all:
            history.failed(work, now.at)
            if self._is_outage(scope, verdict, now, is_own_fault=is_own_fault):
                holds.fail(scope, verdict, work.sent_at, now)
        return Surroundings(
            is_pause=is_pacing and not is_own_fault,
            is_held=may_concern_all and scope in holds.by_scope,
            is_own_fault=is_own_fault and history.fails_for_few(now.at),
            patience=self._permits.patience_clock(scope, now.at),
            jitter=self._jitter(),
        )

    def _is_outage(self, scope: Scope, verdict: Verdict, now: Now, *, is_own_fault: bool) -> bool:
        if not self._retries.holds:
            return False
        if scope in self._permits.holds.by_scope:
            return True
        is_systemic = verdict.concern is Concern.SYSTEMIC
        shows_outage = self._histories[scope].shows_outage(now.at)
        return (is_systemic and not is_own_fault) or shows_outage


_NONE: Final = Surroundings(
    is_pause=False, is_held=False, is_own_fault=False, patience=0.0, jitter=0.0
)


def _proves_rokt(verdict: Verdict) -> bool:
    """Whether only Rokt itself can have given a reply."""
    return verdict.is_documented or verdict.effect in DONE
