"""Histories of a few outcomes, and everything that can be asked of a ledger that knows them."""

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from processor.core.ledger import Ledger
from processor.core.meetings import Answer, Releasable
from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Status
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release

CARTS: Final = ("cart-a", "cart-b")
ORDERS: Final = ("order-1", "order-2", "order-3")
ITEMS: Final = "abc"

letters = st.sets(st.sampled_from(ITEMS)).map(lambda names: "".join(sorted(names)))


@dataclass(frozen=True)
class Input:
    """A record; what its outcomes have in common."""

    operation: Operation
    order_id: str
    cart: str
    items: str
    fingerprint: str


inputs = st.lists(
    st.builds(
        Input,
        operation=st.sampled_from(Operation),
        order_id=st.sampled_from(ORDERS),
        cart=st.sampled_from(CARTS),
        items=letters,
        fingerprint=st.sampled_from(["x", "y"]),
    ),
    min_size=1,
    max_size=5,
)


@st.composite
def histories(draw: st.DrawFn) -> list[OutcomeView]:
    """Outcomes of a few records, of some more than one, as takeovers leave them behind."""
    records = draw(inputs)
    outcomes = []
    for _ in range(draw(st.integers(1, 8))):
        offset = draw(st.integers(0, len(records) - 1))
        outcomes.append(_outcome(draw, records[offset], offset))
    return outcomes


def _outcome(draw: st.DrawFn, record: Input, offset: int) -> OutcomeView:
    is_release = record.operation is Operation.RELEASE
    origin = Source(PAYMENTS, 0, draw(st.integers(0, 4)), None)
    return OutcomeView(
        outcome_id=f"id-{offset}",
        operation=record.operation,
        status=draw(st.sampled_from(Status)),
        effect=draw(st.sampled_from(Effect)),
        reason=None,
        cart_id=record.cart,
        order_id=record.order_id if record.operation is Operation.CONFIRM else None,
        source=Source(ABANDONMENTS if is_release else PAYMENTS, 0, offset, None),
        origin=draw(st.none() | st.just(origin)),
        replay_id=None,
        request_fingerprint=record.fingerprint,
        items=tuple(
            ItemVerdict(
                cart_item_id=f"item-{name}",
                item_reservation_id=f"reservation-{name}",
                result=draw(st.sampled_from(ItemResult)),
            )
            for name in record.items
        ),
    )


def answers(ledger: Ledger) -> list[Answer | Releasable | bool]:
    """Return what a ledger says to everything that can be asked of it."""
    said: list[Answer | Releasable | bool] = []
    for cart in CARTS:
        said += [ledger.ask_release(release(cart, ITEMS), 0)]
        said += [
            ledger.ask_confirm(order(order_id, cart, items), fingerprint, is_authorised=authorised)
            for order_id in ORDERS
            for items in ("", *ITEMS)
            for fingerprint in ("x", "y")
            for authorised in (False, True)
        ]
    said += [ledger.done.has(PAYMENTS, offset, f"id-{offset}") for offset in range(5)]
    return said
