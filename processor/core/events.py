"""Events: what a record says once decoded, and whether that can be acted upon."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
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


def problems(event: Event, key: bytes | None) -> tuple[str, ...]:
    """Return what is wrong with an event, one sentence each; empty when it can be called.

    Fields are named as in the schemas. No more than the first 20 are told, and of a value at
    most a short, escaped piece: these sentences end in topics and logs.
    """
    match event:
        case OrderPaid():
            found = _order_problems(event)
        case CartAbandoned():
            found = _abandonment_problems(event)
    return tuple(islice(chain(_common_problems(event, key), found), _MOST_PROBLEMS))


def _common_problems(event: Event, key: bytes | None) -> Iterator[str]:
    # `surrogatepass`, because no text whatever may raise here.
    if key != event.cart_id.encode(errors="surrogatepass"):
        yield "the key is not the cartId"
    yield from _empty_ids(
        "",
        ("eventId", event.event_id),
        ("cartId", event.cart_id),
        ("roktSessionId", event.rokt_session_id),
        ("roktTagId", event.rokt_tag_id),
    )
    for field, value in (
        ("roktSessionId", event.rokt_session_id),
        ("roktTagId", event.rokt_tag_id),
        ("acceptLanguage", event.accept_language),
    ):
        if value and not (value.isascii() and value.isprintable() and value == value.strip()):
            yield f"{field} is not printable ASCII without blanks at its ends"
    if len(event.items) > 1:
        yield from _repeats("cartItemId", [item.cart_item_id for item in event.items])
        yield from _repeats("itemReservationId", [item.item_reservation_id for item in event.items])


def _order_problems(order: OrderPaid) -> Iterator[str]:
    yield from _empty_ids(
        "",
        ("orderId", order.order_id),
        ("payPalOrderId", order.pay_pal_order_id),
        ("merchantId", order.merchant_id),
    )
    if order.items and order.rokt_session_id is None:
        yield "roktSessionId is missing although there are items"
    if order.merchant_id is None and order.pay_pal_order_id is not None:
        yield "payPalOrderId comes without merchantId"
    if order.pay_pal_order_id is None and order.merchant_id is not None:
        yield "merchantId comes without payPalOrderId"
    for index, item in enumerate(order.items):
        yield from _item_problems(f"items[{index}].", item)


def _item_problems(place: str, item: OrderItem) -> Iterator[str]:
    yield from _empty_ids(
        place,
        ("cartItemId", item.cart_item_id),
        ("catalogItemId", item.catalog_item_id),
        ("itemReservationId", item.item_reservation_id),
    )
    if item.quantity < 1:
        yield f"{place}quantity is less than 1"
    for field, price in (("unitPrice", item.unit_price), ("totalPrice", item.total_price)):
        if not price.is_finite() or price >= _PRICE_LIMIT:
            yield f"{place}{field} is too large: it must be below 10^14"
        elif price < 0:
            yield f"{place}{field} is negative"
        elif price != price.quantize(_PRICE_STEP):
            yield f"{place}{field} has more than 4 decimals"
    if not _CURRENCY.fullmatch(item.currency):
        yield f"{place}currency is not three capital letters: {_piece(item.currency)}"


def _abandonment_problems(event: CartAbandoned) -> Iterator[str]:
    for index, item in enumerate(event.items):
        yield from _empty_ids(
            f"items[{index}].",
            ("cartItemId", item.cart_item_id),
            ("itemReservationId", item.item_reservation_id),
        )


def _empty_ids(place: str, *ids: tuple[str, str | None]) -> Iterator[str]:
    for field, value in ids:
        if value == "":
            yield f"{place}{field} is empty"


def _repeats(field: str, ids: Sequence[str | None]) -> Iterator[str]:
    counts = Counter(value for value in ids if value is not None)
    for value, count in counts.items():
        if count > 1:
            yield f"{field} occurs {count} times among the items: {_piece(value)}"


def _piece(value: str) -> str:
    return ascii(value[:_PIECE]) + ("..." if len(value) > _PIECE else "")
