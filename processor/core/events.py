"""Events: what a record says once decoded, and whether that can be acted upon."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from processor.core.vocabulary import CartId, EventId, OrderId, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderItem:
    """One Rokt item that was paid for. Prices are exact, in major units of `currency`.

    `reservation_expires_at` is epoch milliseconds, UTC; None when unknown, or not reserved.
    """

    cart_item_id: str
    catalog_item_id: str | None
    item_reservation_id: str | None
    quantity: int
    unit_price: Decimal
    total_price: Decimal
    currency: str
    reservation_expires_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid:
    """An order was paid: confirm its items. `occurred_at` is epoch milliseconds, UTC."""

    event_id: EventId
    occurred_at: int
    order_id: OrderId
    cart_id: CartId
    items: tuple[OrderItem, ...]
    rokt_session_id: str | None
    rokt_tag_id: str | None
    accept_language: str | None
    pay_pal_order_id: str | None
    merchant_id: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonedItem:
    """A reserved item to give back; `reservation_expires_at` is epoch milliseconds, UTC."""

    cart_item_id: str
    item_reservation_id: str
    reservation_expires_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CartAbandoned:
    """A shopper gave reserved items up: release them."""

    event_id: EventId
    occurred_at: int
    cart_id: CartId
    rokt_session_id: str
    items: tuple[AbandonedItem, ...]
    rokt_tag_id: str | None
    accept_language: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecodable:
    """A record that says nothing we can read: `reason` is UNDECODABLE or SCHEMA_REFUSED."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A record whose writer schema is not known yet; it waits in its lane.

    `schema` is the registry's id (an int) or GUID (a string) of that schema.
    """

    schema: int | str


Event = OrderPaid | CartAbandoned
Content = Event | Undecodable | Pending


_MOST_PROBLEMS: Final = 20
_PRICE_LIMIT: Final = Decimal(10) ** 14
_PRICE_STEP: Final = Decimal("0.0001")
_CURRENCY: Final = re.compile("[A-Z]{3}")
_PIECE: Final = 12
_LONGEST_CURRENCY: Final = 4
_LONGEST_HEADER: Final = 2048  # servers commonly take lines of 8 KiB


def problems(event: Event, key: bytes | None) -> tuple[str, ...]:
    """Return what is wrong with an event, one sentence each; empty when it can be called.

    Fields are named as in the schemas. No more than the first 20 are told, and of a value at
    most a short, escaped piece: these sentences end in topics and logs.
    """
    found: list[str] = []
    _find_common(event, key, found)
    match event:
        case OrderPaid():
            _find_in_order(event, found)
        case CartAbandoned():
            _find_in_abandonment(event, found)
    return tuple(found[:_MOST_PROBLEMS])


def _find_common(event: Event, key: bytes | None, found: list[str]) -> None:
    # `surrogatepass`, because no text whatever may raise here.
    if key != event.cart_id.encode(errors="surrogatepass"):
        found.append("the key is not the cartId")
    session, tag, language = event.rokt_session_id, event.rokt_tag_id, event.accept_language
    if "" in (event.event_id, event.cart_id, session, tag):
        found += _empty(eventId=event.event_id, cartId=event.cart_id)
        found += _empty(roktSessionId=session, roktTagId=tag)
    for field, value in (
        ("roktSessionId", session),
        ("roktTagId", tag),
        ("acceptLanguage", language),
    ):
        if value and not (value.isascii() and value.isprintable() and value == value.strip()):
            found.append(f"{field} is not printable ASCII without blanks at its ends")
        if value and len(value) > _LONGEST_HEADER:
            found.append(f"{field} is longer than {_LONGEST_HEADER} characters")
    if len(event.items) > 1:
        found += _repeats("cartItemId", [item.cart_item_id for item in event.items])
        found += _repeats("itemReservationId", [item.item_reservation_id for item in event.items])


def _find_in_order(order: OrderPaid, found: list[str]) -> None:
    merchant, pay_pal = order.merchant_id, order.pay_pal_order_id
    if "" in (order.order_id, pay_pal, merchant):
        found += _empty(orderId=order.order_id, payPalOrderId=pay_pal, merchantId=merchant)
    if order.items and order.rokt_session_id is None:
        found.append("roktSessionId is missing although there are items")
    if merchant is None and pay_pal is not None:
        found.append("payPalOrderId comes without merchantId")
    if pay_pal is None and merchant is not None:
        found.append("merchantId comes without payPalOrderId")
    for index, item in enumerate(order.items):
        if len(found) >= _MOST_PROBLEMS:
            return
        found += [f"items[{index}].{wrong}" for wrong in _item_problems(item)]


def _item_problems(item: OrderItem) -> list[str]:
    found: list[str] = []
    cart_item, catalog_item = item.cart_item_id, item.catalog_item_id
    reservation = item.item_reservation_id
    if "" in (cart_item, catalog_item, reservation):
        found += _empty(
            cartItemId=cart_item, catalogItemId=catalog_item, itemReservationId=reservation
        )
    if item.quantity < 1:
        found.append("quantity is less than 1")
    for field, price in (("unitPrice", item.unit_price), ("totalPrice", item.total_price)):
        if not price.is_finite() or price >= _PRICE_LIMIT:
            found.append(f"{field} is too large: it must be below 10^14")
        elif price < 0:
            found.append(f"{field} is negative")
        elif price != price.quantize(_PRICE_STEP):
            found.append(f"{field} has more than 4 decimals")
    if not _CURRENCY.fullmatch(item.currency):
        found.append(f"currency is not three capital letters: {_misspelt(item.currency)}")
    return found


def _find_in_abandonment(event: CartAbandoned, found: list[str]) -> None:
    for index, item in enumerate(event.items):
        if len(found) >= _MOST_PROBLEMS:
            return
        empty = _empty(cartItemId=item.cart_item_id, itemReservationId=item.item_reservation_id)
        found += [f"items[{index}].{wrong}" for wrong in empty]


def _empty(**ids: str | None) -> list[str]:
    return [f"{field} is empty" for field, value in ids.items() if value == ""]


def _repeats(field: str, ids: Sequence[str | None]) -> list[str]:
    counts = Counter(value for value in ids if value is not None)
    return [
        f"{field} occurs {count} times among the items: {_piece(value)}"
        for value, count in counts.items()
        if count > 1
    ]


def _misspelt(currency: str) -> str:
    """Show a currency that may be a mistyped one; anything longer may be about a person."""
    length = len(currency)
    return ascii(currency) if length <= _LONGEST_CURRENCY else f"{length} characters"


def _piece(value: str) -> str:
    return ascii(value[:_PIECE]) + ("..." if len(value) > _PIECE else "")
