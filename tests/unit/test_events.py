"""Validation: each rule alone makes an event invalid, with a sentence that names the field."""

import tracemalloc
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from processor.core.events import AbandonedItem, CartAbandoned, OrderItem, OrderPaid, problems
from processor.core.vocabulary import CartId, EventId, OrderId

KEY: Final = b"cart"
ITEM: Final = OrderItem(
    cart_item_id="a",
    catalog_item_id="sku",
    item_reservation_id="ra",
    quantity=1,
    unit_price=Decimal("10.0000"),
    total_price=Decimal("10.0000"),
    currency="CAD",
)
SECOND: Final = replace(ITEM, cart_item_id="b", item_reservation_id="rb")
PAID: Final = OrderPaid(
    event_id=EventId("event"),
    occurred_at=0,
    order_id=OrderId("order"),
    cart_id=CartId("cart"),
    items=(ITEM,),
    rokt_session_id="session",
    rokt_tag_id=None,
    accept_language=None,
    pay_pal_order_id=None,
    merchant_id=None,
    attributes={},
)
GIVEN_UP: Final = AbandonedItem(
    cart_item_id="a", item_reservation_id="ra", reservation_expires_at=None
)
ABANDONED: Final = CartAbandoned(
    event_id=EventId("event"),
    occurred_at=0,
    cart_id=CartId("cart"),
    rokt_session_id="session",
    items=(GIVEN_UP,),
    rokt_tag_id=None,
    accept_language=None,
    attributes={},
)

VALID: list[tuple[str, OrderPaid | CartAbandoned]] = [
    ("order", PAID),
    ("abandoned cart", ABANDONED),
    ("two items", replace(PAID, items=(ITEM, SECOND))),
    ("items without reservations", replace(PAID, items=(
        replace(ITEM, item_reservation_id=None), replace(SECOND, item_reservation_id=None)))),
    ("no items, no session", replace(PAID, items=(), rokt_session_id=None)),
    ("nothing given up", replace(ABANDONED, items=())),
    ("all that may be null", replace(PAID, rokt_tag_id="253_4", accept_language="en-US",
                                     pay_pal_order_id="p", merchant_id="m")),
    ("no language said", replace(PAID, accept_language="")),
    ("session with inner blanks", replace(PAID, rokt_session_id="a b~!")),
    ("free", replace(PAID, items=(
        replace(ITEM, unit_price=Decimal("0.0000"), total_price=Decimal(0)),))),
    ("dearest", replace(PAID, items=(
        replace(ITEM, total_price=Decimal("99999999999999.9999")),))),
    ("smallest", replace(PAID, items=(replace(ITEM, unit_price=Decimal("0.0001")),))),
    ("zeros beyond four decimals", replace(PAID, items=(
        replace(ITEM, unit_price=Decimal("1.00000000")),))),
    ("long headers", replace(PAID, rokt_session_id="s" * 2048, accept_language="l" * 2048)),
    ("other text", replace(PAID, attributes={"": "\x00\r\n", "é": ""})),
]  # fmt: skip


@pytest.mark.parametrize("event", [case[1] for case in VALID], ids=[case[0] for case in VALID])
def test_a_valid_event_has_no_problems(event: OrderPaid | CartAbandoned) -> None:
    assert problems(event, KEY) == ()


def test_a_cart_id_beyond_ascii_is_its_key_in_utf_8() -> None:
    event = replace(PAID, cart_id=CartId("cärt"))
    assert problems(event, "cärt".encode()) == ()


HEADER: Final = "is not printable ASCII without blanks at its ends"
Case = tuple[dict[str, Any], tuple[str, ...]]

BROKEN_FIELDS: list[Case] = [
    ({"event_id": ""}, ("eventId is empty",)),
    ({"order_id": ""}, ("orderId is empty",)),
    ({"cart_id": ""}, ("the key is not the cartId", "cartId is empty")),
    ({"cart_id": "Cart"}, ("the key is not the cartId",)),
    ({"cart_id": "\ud800"}, ("the key is not the cartId",)),
    ({"rokt_session_id": None}, ("roktSessionId is missing although there are items",)),
    ({"rokt_session_id": ""}, ("roktSessionId is empty",)),
    ({"rokt_session_id": "", "items": ()}, ("roktSessionId is empty",)),
    ({"rokt_tag_id": ""}, ("roktTagId is empty",)),
    ({"pay_pal_order_id": "p"}, ("payPalOrderId comes without merchantId",)),
    ({"merchant_id": "m"}, ("merchantId comes without payPalOrderId",)),
    ({"pay_pal_order_id": "", "merchant_id": "m"}, ("payPalOrderId is empty",)),
    ({"pay_pal_order_id": "p", "merchant_id": ""}, ("merchantId is empty",)),
    *[
        ({field: value}, (f"{name} {HEADER}",))
        for field, name in (
            ("rokt_session_id", "roktSessionId"),
            ("rokt_tag_id", "roktTagId"),
            ("accept_language", "acceptLanguage"),
        )
        for value in ("é", "a\r\nb", "a\tb", "\x7f", "\x00", " a", "a ", " ", "\ud800")
    ],
    ({"rokt_session_id": "s" * 2049}, ("roktSessionId is longer than 2048 characters",)),
    ({"rokt_tag_id": "t" * 2049}, ("roktTagId is longer than 2048 characters",)),
    ({"accept_language": "l" * 10**6}, ("acceptLanguage is longer than 2048 characters",)),
]


@pytest.mark.parametrize(("fields", "expected"), BROKEN_FIELDS)
def test_a_broken_field_is_named(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert problems(replace(PAID, **fields), KEY) == expected


BROKEN_ITEMS: list[Case] = [
    ({"cart_item_id": ""}, ("items[1].cartItemId is empty",)),
    ({"catalog_item_id": ""}, ("items[1].catalogItemId is empty",)),
    ({"item_reservation_id": ""}, ("items[1].itemReservationId is empty",)),
    ({"cart_item_id": "a"}, ("cartItemId occurs 2 times among the items: 'a'",)),
    ({"item_reservation_id": "ra"}, ("itemReservationId occurs 2 times among the items: 'ra'",)),
    ({"quantity": 0}, ("items[1].quantity is less than 1",)),
    ({"quantity": -(2**31)}, ("items[1].quantity is less than 1",)),
    *[
        ({field: Decimal(price)}, (f"items[1].{name} {what}",))
        for field, name in (("unit_price", "unitPrice"), ("total_price", "totalPrice"))
        for price, what in (
            ("-0.0001", "is negative"),
            ("1E+14", "is too large: it must be below 10^14"),
            ("100000000000000.0000", "is too large: it must be below 10^14"),
            ("1E+999999", "is too large: it must be below 10^14"),
            ("Infinity", "is too large: it must be below 10^14"),
            ("NaN", "is too large: it must be below 10^14"),
            ("1.00001", "has more than 4 decimals"),
            ("1E-30", "has more than 4 decimals"),
            ("1." + "0" * 40 + "1", "has more than 4 decimals"),
        )
    ],
    *[
        ({"currency": value}, (f"items[1].currency is not three capital letters: {shown}",))
        for value, shown in (
            ("", "''"),
            ("cad", "'cad'"),
            ("CA", "'CA'"),
            ("CADX", "'CADX'"),
            ("CAD\n", r"'CAD\n'"),
            ("C1D", "'C1D'"),
            ("ÄÖÜ", r"'\xc4\xd6\xdc'"),
            ("\u202eX" * 20, "40 characters"),
            ("a@b.c", "5 characters"),
        )
    ],
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), BROKEN_ITEMS)
def test_a_broken_item_is_named(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    event = replace(PAID, items=(ITEM, replace(SECOND, **fields)))
    assert problems(event, KEY) == expected


BROKEN_ABANDONED: list[Case] = [
    ({"event_id": ""}, ("eventId is empty",)),
    ({"rokt_session_id": ""}, ("roktSessionId is empty",)),
    ({"rokt_session_id": "é", "items": ()}, (f"roktSessionId {HEADER}",)),
    ({"items": (replace(GIVEN_UP, cart_item_id=""),)}, ("items[0].cartItemId is empty",)),
    ({"items": (replace(GIVEN_UP, item_reservation_id=""),)},
     ("items[0].itemReservationId is empty",)),
    ({"items": (GIVEN_UP, replace(GIVEN_UP, cart_item_id="b"), GIVEN_UP)},
     ("cartItemId occurs 2 times among the items: 'a'",
      "itemReservationId occurs 3 times among the items: 'ra'")),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), BROKEN_ABANDONED)
def test_a_broken_abandoned_cart_is_named(
    fields: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert problems(replace(ABANDONED, **fields), KEY) == expected


@pytest.mark.parametrize("key", [None, b"", b"other", b"cart ", b"\xff"])
@pytest.mark.parametrize("event", [PAID, ABANDONED], ids=["order", "abandoned cart"])
def test_a_key_other_than_the_cart_is_refused(
    event: OrderPaid | CartAbandoned, key: bytes | None
) -> None:
    assert problems(event, key) == ("the key is not the cartId",)


def test_all_problems_are_told_at_once() -> None:
    event = replace(PAID, event_id=EventId(""), items=(replace(ITEM, quantity=0, currency=""),))
    assert problems(event, KEY) == (
        "eventId is empty",
        "items[0].quantity is less than 1",
        "items[0].currency is not three capital letters: ''",
    )


def test_no_more_than_20_problems_are_told() -> None:
    items = tuple(replace(ITEM, cart_item_id=str(n), item_reservation_id=None, quantity=0)
                  for n in range(10_000))  # fmt: skip
    told = problems(replace(PAID, items=items), KEY)
    assert told == tuple(f"items[{n}].quantity is less than 1" for n in range(20))


@pytest.mark.parametrize(
    "event",
    [
        replace(PAID, items=(replace(ITEM, cart_item_id="", quantity=0, currency=""),) * 20_000),
        replace(ABANDONED, items=(replace(GIVEN_UP, cart_item_id=""),) * 50_000),
    ],
    ids=["order", "abandoned cart"],
)
def test_what_is_wrong_with_many_items_takes_no_memory(event: OrderPaid | CartAbandoned) -> None:
    tracemalloc.start()
    problems(event, KEY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 1024 * 1024


def test_a_long_value_is_told_by_a_short_escaped_piece() -> None:
    long = "secret-\x1b[31m" * 1000
    event = replace(PAID, items=tuple(replace(ITEM, cart_item_id=long, item_reservation_id=None)
                                      for _ in range(2)))  # fmt: skip
    assert problems(event, KEY) == (
        r"cartItemId occurs 2 times among the items: 'secret-\x1b[31m'...",
    )
