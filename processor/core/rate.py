"""The rate of calls: a budget that fills with time, up to a second's worth."""

from math import inf


class Rate:
    """How many calls may go out now. `per_second` may change; infinite: no limit."""

    __slots__ = ("_at", "_budget", "per_second")

    def __init__(self, per_second: float = inf) -> None:
        """Begin with one call's budget."""
        self.per_second = per_second
        self._budget = 1.0
        self._at = 0.0

    def allows(self, at: float) -> bool:
        """Whether a call may go out now."""
        if self.per_second == inf:
            return True
        passed, self._at = max(0.0, at - self._at), at
        most = max(1.0, self.per_second)
        self._budget = min(most, self._budget + passed * self.per_second)
        return self._budget >= 1.0

    def spend(self) -> None:
        """Note that a call goes out."""
        if self.per_second != inf:
            self._budget -= 1.0
