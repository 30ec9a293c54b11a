"""The clock: the only place where the time is read."""

import time
from typing import Final

from processor.core.records import Now

# Unlike CLOCK_MONOTONIC, this one counts the time that the machine was suspended. Where it does
# not exist, the monotonic clock is the one that does.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Return seconds on a clock that never jumps and counts suspension."""
    return time.clock_gettime(_STEADY)


def now() -> Now:
    """Return this moment."""
    return Now(time.clock_gettime(_STEADY), time.time())
