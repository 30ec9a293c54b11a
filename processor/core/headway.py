"""Headway: how fast something long gets on, and when it may be done."""

from collections import deque
from typing import Final, NamedTuple

_LATELY: Final = 60.0
_SAMPLE_EVERY: Final = 1.0
_TELLS_AFTER: Final = 5.0
_TOLERANCE: Final = 0.1


class Eta(NamedTuple):
    """How many seconds are left, at best and at worst."""

    soonest: float
    latest: float


class Headway:
    """Samples of a count that only grows, and the speeds that follow from them."""

    __slots__ = ("_began", "_samples")

    def __init__(self, now: float, done: int) -> None:
        """Begin; `done` was done before."""
        self._began = now, done
        self._samples: deque[tuple[float, int]] = deque([self._began])

    def note(self, now: float, done: int) -> None:
        """Take in how much is done."""
        samples = self._samples
        if len(samples) > 1 and samples[-1][0] - samples[-2][0] < _SAMPLE_EVERY:
            samples[-1] = now, done
        else:
            samples.append((now, done))
        while len(samples) > 2 and now - samples[1][0] >= _LATELY:  # noqa: PLR2004
            samples.popleft()

    @property
    def lately(self) -> float:
        """How much was done per second in the last minute."""
        return _speed(self._samples[0], self._samples[-1])

    @property
    def overall(self) -> float:
        """How much was done per second since the beginning, waits included."""
        return _speed(self._began, self._samples[-1])

    def eta(self, total: int) -> Eta | None:
        """Return when `total` will be done, None while nothing can be told.

        It lies between what the speed of the last minute and that since the beginning say.
        """
        (began, _), (now, done) = self._began, self._samples[-1]
        left = total - done
        if left <= 0:
            return Eta(0.0, 0.0)
        speeds = sorted((self.lately, self.overall))
        if now - began < _TELLS_AFTER or speeds[0] <= 0:
            return None
        return Eta(left / speeds[1] * (1 - _TOLERANCE), left / speeds[0] * (1 + _TOLERANCE))


def _speed(first: tuple[float, int], last: tuple[float, int]) -> float:
    seconds = last[0] - first[0]
    return (last[1] - first[1]) / seconds if seconds > 0 else 0.0
