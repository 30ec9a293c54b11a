"""Small events for tests of the core: few carts, few items, so that they meet often."""

from decimal import Decimal
from typing import Final

from processor.core.events import AbandonedItem, CartAbandoned, OrderItem, OrderPaid
from processor.core.vocabulary import CartId, EventId, OrderId

PAYMENTS: Final = "order-paid"
ABANDONMENTS: Final = "cart-abandoned"
REPLAY: Final = "replay"


def item(name: str, *, reservation: str | None = "", price: int = 1) -> OrderItem:
    """An item whose ids follow from its name, unless it has another reservation, or none."""
    return OrderItem(
        cart_item_id=f"item-{name}",
        catalog_item_id=None,
        item_reservation_id=f"reservation-{name}" if reservation == "" else reservation,
        quantity=1,
        unit_price=Decimal(price),
        total_price=Decimal(price),
        currency="USD",
    )


def order(
    order_id: str = "order",
    cart: str = "cart",
    items: str = "a",
    *,
    price: int = 1,
    event: str = "",
) -> OrderPaid:
    """A valid order of the items with these one-letter names; a price of -1 makes it invalid."""
    return OrderPaid(
        event_id=EventId(event or f"paid-{order_id}-{cart}-{items}-{price}"),
        occurred_at=0,
        order_id=OrderId(order_id),
        cart_id=CartId(cart),
        items=tuple(item(name, price=price) for name in items),
        rokt_session_id="session",
        rokt_tag_id=None,
        accept_language=None,
        pay_pal_order_id=None,
        merchant_id=None,
        attributes={},
    )


def given_up(name: str, *, reservation: str = "", expires_at: int | None = None) -> AbandonedItem:
    """A reserved item to give back; its ids are those of the order's item of that name."""
    return AbandonedItem(
        cart_item_id=f"item-{name}",
        item_reservation_id=reservation or f"reservation-{name}",
        reservation_expires_at=expires_at,
    )


def release(
    cart: str = "cart", items: str = "a", *, event: str = "", expires_at: int | None = None
) -> CartAbandoned:
    """A valid release of the items with these one-letter names."""
    return CartAbandoned(
        event_id=EventId(event or f"abandoned-{cart}-{items}"),
        occurred_at=0,
        cart_id=CartId(cart),
        rokt_session_id="session",
        items=tuple(given_up(name, expires_at=expires_at) for name in items),
        rokt_tag_id=None,
        accept_language=None,
        attributes={},
    )
