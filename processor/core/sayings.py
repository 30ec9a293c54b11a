"""Sayings: what the ledger says of orders and items, asked as the live fleet asks it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from processor.core.calls import CallShape, confirm_call
from processor.core.events import AbandonedItem, CartAbandoned, Content, OrderItem, OrderPaid
from processor.core.ledger import Ledger
from processor.core.meetings import Conflict, Duplicate, Proceed
from processor.core.outcomes import Outcome
from processor.core.vocabulary import CartId, EventId, Operation, OrderId

_SHAPE: Final = CallShape(tag_id="-")  # fingerprints follow from events alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What the ledger says of an order or of an item of a cart."""

    subject: str
    name: str
    says: str


def sayings(
    ledger: Ledger, contents: Iterable[Content], outcomes: Iterable[Outcome]
) -> Iterator[Saying]:
    """Yield what the ledger says of all orders and items that events and outcomes name."""
    known = _Names()
    for content in contents:
        known.learn_content(content)
    for outcome in outcomes:
        known.learn_outcome(outcome)
    for order_id, asked in known.orders.items():
        yield Saying(subject="order", name=order_id, says=_of_order(ledger, order_id, asked))
    for (cart_id, _), item in known.items.items():
        says = _of_item(ledger, cart_id, item)
        yield Saying(subject="item", name=item.cart_item_id, says=says)


class _Names:
    """The orders with their carts and fingerprints, and the items by cart and cartItemId."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[tuple[str, str], None]] = {}
        self.items: dict[tuple[str, str], AbandonedItem] = {}

    def learn_content(self, content: Content) -> None:
        if isinstance(content, OrderPaid):
            fingerprint = confirm_call(content, _SHAPE).fingerprint
            self._order(content.order_id, content.cart_id, fingerprint)
        if isinstance(content, OrderPaid | CartAbandoned):
            for item in content.items:
                self._item(content.cart_id, item.cart_item_id, item.item_reservation_id)

    def learn_outcome(self, outcome: Outcome) -> None:
        if outcome.cart_id is None:
            return
        if outcome.operation is Operation.CONFIRM and outcome.order_id:
            self._order(outcome.order_id, outcome.cart_id, outcome.request_fingerprint)
        for item in outcome.items:
            self._item(outcome.cart_id, item.cart_item_id, item.item_reservation_id)

    def _order(self, order_id: str, cart_id: str, fingerprint: str) -> None:
        self.orders.setdefault(order_id, {})[cart_id, fingerprint] = None

    def _item(self, cart_id: str, item_id: str, reservation_id: str | None) -> None:
        known = self.items.get((cart_id, item_id))
        if known is None or not known.item_reservation_id:
            self.items[cart_id, item_id] = AbandonedItem(
                cart_item_id=item_id,
                item_reservation_id=reservation_id or "",
                reservation_expires_at=None,
            )


def _of_order(ledger: Ledger, order_id: str, asked: Mapping[tuple[str, str], None]) -> str:
    """Ask by each content that the order was ever named with; one is what it is settled with."""
    for cart_id, fingerprint in asked:
        answer = ledger.ask_confirm(_order(order_id, cart_id), fingerprint)
        if isinstance(answer, Duplicate):
            return answer.detail
    return "not settled: it may be called"


def _of_item(ledger: Ledger, cart_id: str, item: AbandonedItem) -> str:
    """Ask what a release of it would meet, and what an order would that nobody knows."""
    name = item.cart_item_id
    says = [
        # To the ledger an item is paid whatever has come of its order.
        f"an OrderPaid names {name}" if why == f"{name} is paid" else why
        for why in ledger.ask_release(_release(cart_id, item), 0).dropped
    ]
    match ledger.ask_confirm(_order("", cart_id, item), ""):
        case Conflict(detail=detail):
            says.append(detail)
        case Proceed(released_before_paid=(_, *_)):
            says.append("it was released, or may have been")
        case Proceed() | Duplicate():
            pass
    return "; ".join(says) or "neither paid nor released"


def _order(order_id: str, cart_id: str, *items: AbandonedItem) -> OrderPaid:
    return OrderPaid(
        event_id=EventId(""),
        occurred_at=0,
        order_id=OrderId(order_id),
        cart_id=CartId(cart_id),
        items=tuple(
            OrderItem(
                cart_item_id=item.cart_item_id,
                catalog_item_id=None,
                item_reservation_id=item.item_reservation_id or None,
                quantity=1,
                unit_price=Decimal(0),
                total_price=Decimal(0),
                currency="",
            )
            for item in items
        ),
        rokt_session_id=None,
        rokt_tag_id=None,
        accept_language=None,
        pay_pal_order_id=None,
        merchant_id=None,
        attributes={},
    )


def _release(cart_id: str, item: AbandonedItem) -> CartAbandoned:
    return CartAbandoned(
        event_id=EventId(""),
        occurred_at=0,
        cart_id=CartId(cart_id),
        rokt_session_id="",
        items=(item,),
        rokt_tag_id=None,
        accept_language=None,
        attributes={},
    )
