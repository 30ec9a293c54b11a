"""The rate of calls: a budget that fills with time, up to a second's worth."""

from math import inf
from typing import Final

_REGAIN_WITHIN: Final = 30.0
_HALVE_AGAIN_AFTER: Final = 2.0  # only by then does a reply tell about the halved rate
_AGO: Final = 2.0
_FORGET_BEYOND: Final = 2.0


class Rate:
    """How many calls may go out now.

    `limit` (calls per second, infinite: none) is what is configured and may change. A reply that
    asks for fewer calls halves what really went out; what was lost since the first of several
    such replies comes back within half a minute of the last, step by step.
    """

    __slots__ = (
        "_at",
        "_before",
        "_budget",
        "_ceiling",
        "_halved_at",
        "_halved_to",
        "_spent",
        "_spent_before",
        "_spent_since",
        "limit",
    )

    def __init__(self, limit: float = inf) -> None:
        """Begin with one call's budget."""
        self.limit = limit
        self._budget = 1.0
        self._at = 0.0
        self._ceiling = inf
        self._before = inf
        self._halved_at = -inf
        self._halved_to = inf
        self._spent = self._spent_before = 0
        self._spent_since = 0.0

    @property
    def per_second(self) -> float:
        """Calls per second that may go out at present."""
        return min(self.limit, self._ceiling)

    def allows(self, at: float, *, keeping: float = 0.0) -> bool:
        """Whether a call may go out now; `keeping`: and leave the budget of so many seconds."""
        self._regain(at)
        per_second = self.per_second
        if per_second == inf:
            return True
        passed, self._at = max(0.0, at - self._at), at
        most = max(1.0, per_second)
        self._budget = min(most, self._budget + passed * per_second)
        return self._budget >= min(most, 1.0 + keeping * per_second)

    def spend(self, at: float) -> None:
        """Note that a call goes out."""
        elapsed = at - self._spent_since
        if elapsed >= 1.0:
            self._spent_before = self._spent if elapsed < _AGO else 0
            self._spent, self._spent_since = 0, at
        self._spent += 1
        if self.per_second != inf:
            self._budget -= 1.0

    def halve(self, sent_at: float, at: float) -> None:
        """Halve it for the sake of a call that was sent at `sent_at`.

        What was sent before the last halving took hold tells nothing about the rate after it.
        """
        if sent_at < self._halved_at + _HALVE_AGAIN_AFTER:
            return
        went_out = min(self.per_second, max(self._spent, self._spent_before))
        if self._ceiling == inf:
            self._before = max(2.0, went_out)
        self._halved_at, self._at = at, at
        self._halved_to = self._ceiling = max(1.0, went_out / 2)
        self._budget = min(self._budget, 1.0)

    def _regain(self, at: float) -> None:
        if self._ceiling == inf:
            return
        lost = self._before - self._halved_to
        passed = max(0.0, at - self._halved_at)
        self._ceiling = self._halved_to + lost * passed / _REGAIN_WITHIN
        if self._ceiling >= min(self.limit, self._before * _FORGET_BEYOND):
            self._ceiling = inf
