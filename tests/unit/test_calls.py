"""Calls: the canonical body, the headers, and what the fingerprint depends on."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from processor.core.calls import Call, CallShape, RequestedItem, confirm_call, release_call
from processor.core.events import AbandonedItem, CartAbandoned, OrderItem, OrderPaid
from processor.core.vocabulary import CartId, EventId, Operation, OrderId

SHAPE: Final = CallShape(tag_id="tag")
ITEM: Final = OrderItem(
    cart_item_id="a",
    catalog_item_id="sku-a",
    item_reservation_id="ra",
    quantity=2,
    unit_price=Decimal("12.5000"),
    total_price=Decimal("25.0000"),
    currency="CAD",
)
BARE_ITEM: Final = replace(
    ITEM, cart_item_id="b", catalog_item_id=None, item_reservation_id=None, quantity=1
)
PAID: Final = OrderPaid(
    event_id=EventId("event"),
    occurred_at=0,
    order_id=OrderId("order"),
    cart_id=CartId("cart"),
    items=(BARE_ITEM, ITEM),
    rokt_session_id="session",
    rokt_tag_id=None,
    accept_language="en-US",
    pay_pal_order_id="p",
    merchant_id="m",
    attributes={"z": "1", "a": "2"},
)
GIVEN_UP: Final = (
    AbandonedItem(cart_item_id="b", item_reservation_id="rb", reservation_expires_at=5),
    AbandonedItem(cart_item_id="a", item_reservation_id="ra", reservation_expires_at=None),
)
ABANDONED: Final = CartAbandoned(
    event_id=EventId("event"),
    occurred_at=0,
    cart_id=CartId("cart"),
    rokt_session_id="session",
    items=GIVEN_UP,
    rokt_tag_id="own",
    accept_language=None,
    attributes={"k": "v"},
)


def test_a_confirm_says_everything_in_canonical_order() -> None:
    call = confirm_call(PAID, SHAPE)
    assert call == Call(
        operation=Operation.CONFIRM,
        path="/v1/Cart/confirm",
        headers=(
            ("rokt-session-id", "session"),
            ("rokt-tag-id", "tag"),
            ("Accept-Language", "en-US"),
        ),
        body=b'{"cartId":"cart","orderId":"order","items":['
        b'{"cartItemId":"a","catalogItemId":"sku-a","quantity":2,"currency":"CAD",'
        b'"unitPrice":12.5,"totalPrice":25,"itemReservationId":"ra"},'
        b'{"cartItemId":"b","quantity":1,"currency":"CAD","unitPrice":12.5,"totalPrice":25}],'
        b'"payPalOrderId":"p","merchantId":"m","attributes":{"a":"2","z":"1"}}',
        fingerprint=call.fingerprint,
        cart_id="cart",
        order_id="order",
        items=(
            RequestedItem(cart_item_id="a", item_reservation_id="ra"),
            RequestedItem(cart_item_id="b", item_reservation_id=None),
        ),
    )


def test_a_release_says_everything_in_canonical_order() -> None:
    call = release_call(ABANDONED, GIVEN_UP, SHAPE)
    assert call == Call(
        operation=Operation.RELEASE,
        path="/v1/cart/release",
        headers=(("rokt-session-id", "session"), ("rokt-tag-id", "own")),
        body=b'{"cartId":"cart","items":[{"cartItemId":"a","itemReservationId":"ra"},'
        b'{"cartItemId":"b","itemReservationId":"rb"}],"attributes":{"k":"v"}}',
        fingerprint=call.fingerprint,
        cart_id="cart",
        order_id=None,
        items=(
            RequestedItem(cart_item_id="a", item_reservation_id="ra"),
            RequestedItem(cart_item_id="b", item_reservation_id="rb"),
        ),
    )


def test_a_release_names_only_the_items_that_are_left() -> None:
    call = release_call(ABANDONED, GIVEN_UP[:1], SHAPE)
    assert [item.cart_item_id for item in call.items] == ["b"]
    assert [item["cartItemId"] for item in json.loads(call.body)["items"]] == ["b"]


def test_an_order_without_items_sends_an_empty_array_and_needs_no_session() -> None:
    event = replace(
        PAID,
        items=(),
        rokt_session_id=None,
        accept_language=None,
        pay_pal_order_id=None,
        merchant_id=None,
        attributes={},
    )
    call = confirm_call(event, SHAPE)
    assert call.body == b'{"cartId":"cart","orderId":"order","items":[]}'
    assert call.headers == (("rokt-tag-id", "tag"),)


def test_paths_are_those_of_the_settings() -> None:
    shape = CallShape(tag_id="tag", confirm_path="/c", release_path="/r")
    assert confirm_call(PAID, shape).path == "/c"
    assert release_call(ABANDONED, GIVEN_UP, shape).path == "/r"


def test_the_tag_of_an_event_overrides_the_configured_one() -> None:
    call = confirm_call(replace(PAID, rokt_tag_id="own"), SHAPE)
    assert dict(call.headers)["rokt-tag-id"] == "own"


def test_an_empty_language_is_not_sent() -> None:
    call = confirm_call(replace(PAID, accept_language=""), SHAPE)
    assert "Accept-Language" not in dict(call.headers)


def test_the_catalog_item_id_can_be_kept_out_of_the_body() -> None:
    full = confirm_call(PAID, SHAPE)
    bare = confirm_call(PAID, replace(SHAPE, sends_catalog_item_id=False))
    assert bare.body == full.body.replace(b'"catalogItemId":"sku-a",', b"")
    assert bare.fingerprint == full.fingerprint


PRICES = [
    ("10.0000", "10"),
    ("12.5000", "12.5"),
    ("0.0001", "0.0001"),
    ("0.0000", "0"),
    ("-0.0000", "0"),
    ("0", "0"),
    ("100.0000", "100"),
    ("1E+2", "100"),
    ("1E-4", "0.0001"),
    ("1.00000000000000000000000000000000", "1"),
    ("99999999999999.9999", "99999999999999.9999"),
    ("12345678901234.0001", "12345678901234.0001"),
]


@pytest.mark.parametrize(("price", "literal"), PRICES)
def test_a_price_is_its_shortest_exact_literal(price: str, literal: str) -> None:
    item = replace(ITEM, unit_price=Decimal(price), total_price=Decimal(price))
    body = confirm_call(replace(PAID, items=(item,)), SHAPE).body.decode()
    assert f'"unitPrice":{literal},"totalPrice":{literal},' in body


TEXTS = ['"\\', "\x00\x1f\x7f", "\r\n\t", "\u2028", "é", "😀", "</script>", "\ud800", "a\udfffb"]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_any_text_makes_valid_json(text: str) -> None:
    item = replace(ITEM, cart_item_id=text, catalog_item_id=text, currency=text)
    event = replace(PAID, cart_id=CartId(text), items=(item,), attributes={text: text})
    sent = json.loads(confirm_call(event, SHAPE).body)
    carried = text.encode(errors="replace").decode()
    assert sent["cartId"] == sent["items"][0]["catalogItemId"] == carried
    assert sent["attributes"] == {carried: carried}


SAME_CONTENT: list[dict[str, Any]] = [
    {"event_id": "other"},
    {"occurred_at": 1},
    {"rokt_session_id": "other"},
    {"accept_language": None},
    {"items": (ITEM, BARE_ITEM)},
    {"items": (BARE_ITEM, replace(ITEM, catalog_item_id=None))},
    {"items": (BARE_ITEM, replace(ITEM, unit_price=Decimal("12.5")))},
    {"attributes": {"a": "2", "z": "1"}},
]
OTHER_CONTENT: list[dict[str, Any]] = [
    {"order_id": "other"},
    {"cart_id": "other"},
    {"rokt_tag_id": "other"},
    {"rokt_tag_id": "tag"},
    {"pay_pal_order_id": "other"},
    {"merchant_id": "other"},
    {"attributes": {}},
    {"items": (BARE_ITEM,)},
    {"items": (BARE_ITEM, replace(ITEM, quantity=3))},
    {"items": (BARE_ITEM, replace(ITEM, total_price=Decimal("25.0001")))},
    {"items": (BARE_ITEM, replace(ITEM, currency="USD"))},
    {"items": (BARE_ITEM, replace(ITEM, item_reservation_id=None))},
]


@pytest.mark.parametrize("change", SAME_CONTENT, ids=str)
def test_the_fingerprint_is_blind_to_what_rokt_is_not_asked(change: dict[str, Any]) -> None:
    assert (
        confirm_call(replace(PAID, **change), SHAPE).fingerprint
        == confirm_call(PAID, SHAPE).fingerprint
    )


@pytest.mark.parametrize("change", OTHER_CONTENT, ids=str)
def test_the_fingerprint_sees_every_other_content(change: dict[str, Any]) -> None:
    assert (
        confirm_call(replace(PAID, **change), SHAPE).fingerprint
        != confirm_call(PAID, SHAPE).fingerprint
    )


def test_no_setting_changes_the_fingerprint() -> None:
    other = CallShape(
        tag_id="other", confirm_path="/c", release_path="/r", sends_catalog_item_id=False
    )
    assert confirm_call(PAID, other).fingerprint == confirm_call(PAID, SHAPE).fingerprint
    assert (
        release_call(ABANDONED, GIVEN_UP, other).fingerprint
        == release_call(ABANDONED, GIVEN_UP, SHAPE).fingerprint
    )
