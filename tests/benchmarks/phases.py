"""Phases: ways to feed a processor whose backlog is done, so that delays mean something."""

import time

from tests.benchmarks.meter import Meter
from tests.benchmarks.orders import Orders
from tests.support.programs import wait_until

LOW_RATE = 100.0
"""Orders a second at low load."""
QUEUE = 2
"""At saturation so many orders are unanswered for each call that may be in flight."""

_RAMP = 0.25
_LOOK_EVERY = 0.02
_ANSWERED_WITHIN = 30.0


def feed_slowly(orders: Orders, meter: Meter, *, seconds: float) -> list[str]:
    """Produce at the low rate for so long; return the keys once all are answered."""
    begun, keys = time.monotonic(), []
    for number in range(int(LOW_RATE * seconds)):
        time.sleep(max(0.0, begun + number / LOW_RATE - time.monotonic()))
        keys.append(orders.produce_one())
    _wait_for_answers(orders, meter)
    return keys


def saturate(orders: Orders, meter: Meter, *, unanswered: int, seconds: float) -> list[str]:
    """Keep so many orders unanswered for so long; return the keys of those after the ramp."""
    begun, keys = time.monotonic(), []
    while (passed := time.monotonic() - begun) < seconds:
        missing = unanswered - (orders.produced - meter.outcomes())
        produced = [orders.produce_one() for _ in range(missing)]
        if passed > _RAMP * seconds:
            keys += produced
        time.sleep(_LOOK_EVERY)
    _wait_for_answers(orders, meter)
    return keys


def _wait_for_answers(orders: Orders, meter: Meter) -> None:
    orders.flush()
    wait_until(
        lambda: meter.outcomes() >= orders.produced,
        within=_ANSWERED_WITHIN,
        what="all orders have an outcome",
    )
