"""Retries: how long to wait before the next attempt, and when attempts are used up."""

from dataclasses import dataclass
from typing import Final

_MOST_DOUBLINGS: Final = 30  # far beyond every cap, far below what a float can hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A pause that starts at `base` seconds and doubles up to `cap` seconds."""

    base: float
    cap: float

    def ceiling(self, number: int) -> float:
        """Return the pause after the `number`-th failure in a row, counted from 1."""
        return min(self.cap, self.base * 2.0 ** min(number - 1, _MOST_DOUBLINGS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What must lie behind a record before its attempts count as used up: both of these."""

    attempts: int
    seconds: float


RETRY: Final = Backoff(base=0.5, cap=60.0)
SYSTEMIC: Final = Backoff(base=1.0, cap=60.0)
SLOW_SYSTEMIC: Final = Backoff(base=1.0, cap=300.0)
CONFIRM_PATIENCE: Final = Patience(attempts=5, seconds=60.0)
RELEASE_PATIENCE: Final = Patience(attempts=3, seconds=0.0)


def delay(attempt: int, jitter: float, floor: float = 0.0, backoff: Backoff = RETRY) -> float:
    """Return the seconds to wait after a record's failed `attempt` (from 1): full jitter.

    `jitter` is drawn from [0, 1) by the caller. `floor` is the least pause, which a reply asks
    for; the jitter comes on top, so that those who were told the same do not come at once.
    """
    return floor + jitter * backoff.ceiling(attempt)


def systemic_delay(number: int, *, heals_slowly: bool) -> float:
    """Return the seconds to wait after the `number`-th systemic reply in a row (from 1).

    `heals_slowly`: it ends only when somebody acts (401, 403, 3xx, TLS), so ask more rarely.
    """
    return (SLOW_SYSTEMIC if heals_slowly else SYSTEMIC).ceiling(number)


def is_exhausted(attempts: int, elapsed: float, patience: Patience) -> bool:
    """Tell whether a record has used up its attempts.

    `elapsed`: seconds since its first attempt, holds and pauses not counted.
    """
    return attempts >= patience.attempts and elapsed >= patience.seconds
