"""Percentiles, and what is said of delays."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that so many percent of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Seconds from an event in its topic to its outcome in its own; `count` events were seen."""

    count: int
    p50: float
    p99: float

    @classmethod
    def between(
        cls, keys: Iterable[str], events: Mapping[str, float], outcomes: Mapping[str, float]
    ) -> Self | None:
        """Return the delays of these keys by the times of both logs; None if none is in both."""
        both = (key for key in keys if key in events and key in outcomes)
        delays = [outcomes[key] - events[key] for key in both]
        if not delays:
            return None
        return cls(count=len(delays), p50=percentile(delays, 50), p99=percentile(delays, 99))

    def __str__(self) -> str:
        """Return both in milliseconds."""
        return f"{self.p50 * 1000:,.0f}/{self.p99 * 1000:,.0f}"
