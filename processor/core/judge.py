"""The judge: what a reply means among the others of its scope."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from processor.core.calls import Call
from processor.core.conclusions import Rest, RetrySettings, follow
from processor.core.outcomes import Ending
from processor.core.records import Now
from processor.core.replies import Kind, Reply, Verdict
from processor.core.replies import Scope as ReplyScope
from processor.core.turns import Scope, scope_of
from processor.core.verdicts import classify
from processor.core.vocabulary import Effect
from processor.core.work import Work

_NEVER: Final = float("-inf")
_CARTS_OF_A_MIX_UP: Final = 2
DONE: Final = frozenset({Effect.APPLIED, Effect.PARTIALLY_APPLIED})
"""Effects that a reply has positively told."""


class Judge:
    """Remembers of each scope what it takes to tell a message's fault from everybody's."""

    __slots__ = ("_jitter", "_last_success", "_mismatched", "_retries")

    def __init__(self, retries: RetrySettings, jitter: Callable[[], float]) -> None:
        """Begin having seen nothing. `jitter` returns a number in [0, 1)."""
        self._retries = retries
        self._jitter = jitter
        self._last_success = dict.fromkeys(Scope, _NEVER)
        self._mismatched: dict[Scope, set[str]] = {scope: set() for scope in Scope}

    def verdict(self, work: Work, call: Call, reply: Reply, now: Now) -> Verdict:
        """Return what a reply means.

        Ids that do not match concern their message; when two carts get them in a row, somebody
        mixes connections up and everything is concerned, until a reply that fits.
        """
        scope = scope_of(work)
        is_proven = self._last_success[scope] > _NEVER
        verdict = classify(reply, call, is_proven=is_proven, wall=now.wall)
        mismatched = self._mismatched[scope]
        if verdict.kind is not Kind.MISMATCH:
            if mismatched and (verdict.is_documented or verdict.effect in DONE):
                mismatched.clear()
            return verdict
        if len(mismatched) < _CARTS_OF_A_MIX_UP:
            mismatched.add(call.cart_id)
        if len(mismatched) < _CARTS_OF_A_MIX_UP:
            return verdict
        return replace(verdict, scope=ReplyScope.SYSTEMIC, is_final=False)

    def follow(self, work: Work, verdict: Verdict, now: Now) -> Ending | Rest:
        """Note a verdict and return what follows: the record's end, or a rest."""
        scope = scope_of(work)
        following = follow(
            work,
            verdict,
            self._retries,
            now=now,
            # The draw costs more than the rest of a good call's verdict, which needs none.
            jitter=0.0 if verdict.is_final else self._jitter(),
            last_success=self._last_success[scope],
        )
        if verdict.effect in DONE:
            self._last_success[scope] = now.at
        return following
