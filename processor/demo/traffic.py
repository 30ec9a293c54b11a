"""Traffic: samples without end, mostly good, for whoever wants to look longer."""

from collections.abc import Iterator
from itertools import count
from typing import Final

from processor.core.vocabulary import Effect, Operation, Reason, Status
from processor.demo.events import abandoned, given_up, item, paid
from processor.demo.samples import Expectation, Sample, sample
from processor.fake_rokt import Then

_FIRST: Final = 7_001
_KINDS: Final = 10


def traffic(first: int = _FIRST) -> Iterator[Sample]:
    """Yield samples, each with an order or a cart of its own, numbered from `first`."""
    for number in count(first):
        yield _sample(number, str(number), f"cart-{number}")


def _sample(number: int, order: str, cart: str) -> Sample:
    event = paid(order, cart, item(order))
    match number % _KINDS:
        case 3 | 7:
            return sample(f"{cart} abandoned", abandoned(cart, given_up(order)))
        case 5:
            twice = Expectation(calls=2)
            return sample(f"order {order}, after a 503", event, twice, Then(status=503))
        case 8:
            refused = Expectation(
                status=Status.REJECTED, effect=Effect.NOT_APPLIED, reason=Reason.UNPROCESSABLE
            )
            return sample(f"order {order}, which Rokt refuses", event, refused, Then(status=422))
        case 0:
            unreadable = Expectation(
                status=Status.REJECTED,
                effect=Effect.NOT_SENT,
                reason=Reason.UNDECODABLE,
                calls=0,
            )
            return Sample(
                title=f"{cart}: bytes that are no event",
                operation=Operation.CONFIRM,
                key=cart,
                content=order.encode(),
                expects=unreadable,
            )
        case _:
            return sample(f"order {order}", event)
