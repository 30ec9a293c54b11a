"""Where a line bends: how far along an axis a figure stays what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import linear_regression
from typing import Self

WITHIN = 0.15
"""As flat as this a line is called flat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """How a figure behaves along an axis.

    `flat` holds the first and last place, around the best, up to which it is within `WITHIN` of
    the best; `end` is what is left of the best at the axis' end, as a fraction.
    """

    best_at: float
    best: float
    flat: tuple[float, float]
    last: float
    end: float

    @classmethod
    def of(cls, means: Mapping[float, float]) -> Self:
        """Return how the means behave, by their place on the axis."""
        places = sorted(means)
        best_at = max(places, key=lambda place: means[place])
        best = means[best_at]
        low = high = places.index(best_at)
        while low > 0 and means[places[low - 1]] >= (1 - WITHIN) * best:
            low -= 1
        while high < len(places) - 1 and means[places[high + 1]] >= (1 - WITHIN) * best:
            high += 1
        return cls(
            best_at=best_at,
            best=best,
            flat=(places[low], places[high]),
            last=places[-1],
            end=means[places[-1]] / best,
        )

    @property
    def is_flat_to_the_end(self) -> bool:
        """Whether the last place is as good as the best."""
        return self.flat[1] == self.last

    def __str__(self) -> str:
        """Return it as one sentence."""
        low, high = self.flat
        where = f"from {low:,.0f} to {high:,.0f}" if low < high else "nowhere else"
        said = (
            f"best at {self.best_at:,.0f} ({self.best:,.0f}), "
            f"within {WITHIN * 100:.0f} % of it {where}"
        )
        if self.is_flat_to_the_end:
            return f"{said}: flat to the end."
        return f"{said}; {self.end:.2f} of it at {self.last:,.0f}."


def cost(means: Mapping[float, float]) -> tuple[float, float]:
    """Return what an event costs, and what each place adds to it, in seconds of the CPU.

    `means` are events per CPU-second; the line is the one of least squares.
    """
    places = sorted(means)
    slope, intercept = linear_regression(places, [1 / means[place] for place in places])
    return intercept, slope
