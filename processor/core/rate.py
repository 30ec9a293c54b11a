"""The rate of calls: a budget that fills with time, up to a second's worth."""

from math import inf
from typing import Final

_REGAIN_WITHIN: Final = 60.0
_FORGET_BEYOND: Final = 4.0


class Rate:
    """How many calls may go out now.

    `limit` (calls per second, infinite: none) is what is configured and may change. A reply that
    asks for fewer calls halves what really went out; the half that was lost comes back within a
    minute, step by step.
    """

    __slots__ = (
        "_at",
        "_budget",
        "_ceiling",
        "_halved_at",
        "_halved_to",
        "_spent",
        "_spent_since",
        "limit",
    )

    def __init__(self, limit: float = inf) -> None:
        """Begin with one call's budget."""
        self.limit = limit
        self._budget = 1.0
        self._at = 0.0
        self._ceiling = inf
        self._halved_at = -inf
        self._halved_to = inf
        self._spent = 0
        self._spent_since = 0.0

    @property
    def per_second(self) -> float:
        """Calls per second that may go out at present."""
        return min(self.limit, self._ceiling)

    def allows(self, at: float) -> bool:
        """Whether a call may go out now."""
        self._regain(at)
        per_second = self.per_second
        if per_second == inf:
            return True
        passed, self._at = max(0.0, at - self._at), at
        most = max(1.0, per_second)
        self._budget = min(most, self._budget + passed * per_second)
        return self._budget >= 1.0

    def spend(self, at: float) -> None:
        """Note that a call goes out."""
        if at - self._spent_since >= 1.0:
            self._spent, self._spent_since = 0, at
        self._spent += 1
        if self.per_second != inf:
            self._budget -= 1.0

    def halve(self, sent_at: float, at: float) -> None:
        """Halve it for the sake of a call that was sent at `sent_at`.

        What was sent before it was halved last tells nothing about the rate since then.
        """
        if sent_at < self._halved_at:
            return
        went_out = self._spent / max(1.0, at - self._spent_since)
        self._halved_at, self._at = at, at
        self._halved_to = self._ceiling = max(1.0, min(self.per_second, went_out) / 2)
        self._budget = min(self._budget, 1.0)

    def _regain(self, at: float) -> None:
        if self._ceiling == inf:
            return
        self._ceiling = self._halved_to * (1 + max(0.0, at - self._halved_at) / _REGAIN_WITHIN)
        if self._ceiling >= min(self.limit, self._halved_to * _FORGET_BEYOND):
            self._ceiling = inf
