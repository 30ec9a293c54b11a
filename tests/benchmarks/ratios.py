"""Ratios of two programs that took turns, with what is known of their spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Self

ORDER = "ABBA"
"""One round: a drift of the machine meets both alike."""

# Student's t: how many standard errors chance alone exceeds once in twenty times, by pairs.
_CHANCE = {2: 12.71, 3: 4.3, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36}
_MANY = 2.31


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """What B reached, as a multiple of A: the geometric mean of `count` pairs.

    `error` is the standard error of that mean, as a fraction of it; None from a single pair.
    """

    mean: float
    low: float
    high: float
    error: float | None
    count: int

    @classmethod
    def of_pairs(cls, base: Sequence[float], other: Sequence[float]) -> Self:
        """Return the ratio of figures that were measured beside each other, pair by pair."""
        logs = [math.log(b / a) for a, b in zip(base, other, strict=True)]
        mean = fmean(logs)
        return cls(
            mean=math.exp(mean),
            low=math.exp(min(logs)),
            high=math.exp(max(logs)),
            error=stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else None,
            count=len(logs),
        )

    @property
    def is_clear(self) -> bool:
        """Whether it differs from 1 by more than chance does once in twenty times."""
        chance = _CHANCE.get(self.count, _MANY)
        return self.error is not None and abs(math.log(self.mean)) > chance * self.error

    def __str__(self) -> str:
        """Return it as one line for people."""
        error = "" if self.error is None else f" ± {self.error * 100:.1f} %"
        verdict = "" if self.is_clear else "   no clear difference"
        return (
            f"{self.mean:6.3f}{error}   {self.low:.3f} … {self.high:.3f}   "
            f"n = {self.count}{verdict}"
        )
