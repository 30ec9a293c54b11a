"""The adaptive limit on calls in flight: a partial overload is answered by asking less at once."""

from math import inf


class Limit:
    """How many calls of a scope may be in flight, from 1 to `most`.

    It halves when Rokt shows that it is overloaded, at most once a round trip, and grows by one
    for each round of successes (additive increase, multiplicative decrease).
    """

    __slots__ = ("_cut_at", "_most", "allowed", "in_flight")

    def __init__(self, most: int) -> None:
        """Begin with all of them allowed and none in flight."""
        self._most = most
        self._cut_at = -inf
        self.allowed = float(most)
        self.in_flight = 0

    @property
    def has_room(self) -> bool:
        """Whether one more call may be in flight."""
        return self.in_flight < int(self.allowed)

    def cut(self, sent_at: float, at: float) -> None:
        """Halve it for the sake of a call that was sent at `sent_at`.

        What was sent before the last cut tells nothing about the limit after it.
        """
        if sent_at < self._cut_at:
            return
        self._cut_at = at
        self.allowed = max(1.0, min(self.allowed, self.in_flight + 1.0) / 2)

    def grow(self) -> None:
        """Note a success: a whole round of them adds one call."""
        self.allowed = min(float(self._most), self.allowed + 1.0 / self.allowed)

    def restart(self) -> None:
        """Begin with one call again."""
        self.allowed = 1.0
