"""The documented sample requests, byte for byte without the blanks between their tokens."""

import hashlib
import re
from dataclasses import replace
from decimal import Decimal
from typing import Final

from processor.core.calls import CallShape, confirm_call, release_call
from processor.core.events import AbandonedItem, CartAbandoned, OrderItem, OrderPaid
from processor.core.vocabulary import CartId, EventId, OrderId

CONFIRM_SAMPLE: Final = """
{
"cartId": "1580265846172",
"orderId": "1580265885747",
"items": [
{
"cartItemId": "30d0a389-5f63-4e20-9553-13ff40f8b11c",
"catalogItemId": "parkwhiz_quote.84118520",
"quantity": 1,
"currency": "CAD",
"unitPrice": 10,
"totalPrice": 10,
"itemReservationId": "rokt_item_reservation_id.63a94103-75da-4d71-8c14-84674d286b98"
}
]
}
"""
RELEASE_SAMPLE: Final = """
{        "cartId": "1580265846172",        "items": [            {
"cartItemId": "30d0a389-5f63-4e20-9553-13ff40f8b11c",
"itemReservationId": "rokt_item_reservation_id.63a94103-75da-4d71-8c14-84674d286b98"
}        ]    }
"""
SHAPE: Final = CallShape(tag_id="253_439d21r21r21321")
SESSION: Final = "ca75f48-ebbd-4d8e-83c3-fdd70893294d"
CONFIRM_FINGERPRINT: Final = "8b13404b6f0429bd8a0b7965d628447545736732a600cd012b5b970cf8b37255"
RELEASE_FINGERPRINT: Final = "e4ce4b34c87dcf16cdf688353c1beab1dceb45ff581eb8b2790e64c0ab6337f3"

PAID: Final = OrderPaid(
    event_id=EventId("8d0f0a52-64c2-4f2b-8f53-1b0f6a3f3c11"),
    occurred_at=1_580_265_886_000,
    order_id=OrderId("1580265885747"),
    cart_id=CartId("1580265846172"),
    items=(
        OrderItem(
            cart_item_id="30d0a389-5f63-4e20-9553-13ff40f8b11c",
            catalog_item_id="parkwhiz_quote.84118520",
            item_reservation_id="rokt_item_reservation_id.63a94103-75da-4d71-8c14-84674d286b98",
            quantity=1,
            unit_price=Decimal("10.0000"),
            total_price=Decimal("10.0000"),
            currency="CAD",
        ),
    ),
    rokt_session_id=SESSION,
    rokt_tag_id=None,
    accept_language="en-US",
    pay_pal_order_id=None,
    merchant_id=None,
    attributes={},
)
ABANDONED: Final = CartAbandoned(
    event_id=EventId("0b7f5a0e-5c53-4a7c-a8d7-6d9d3c6f0b52"),
    occurred_at=1_580_265_886_000,
    cart_id=CartId("1580265846172"),
    rokt_session_id=SESSION,
    items=(
        AbandonedItem(
            cart_item_id="30d0a389-5f63-4e20-9553-13ff40f8b11c",
            item_reservation_id="rokt_item_reservation_id.63a94103-75da-4d71-8c14-84674d286b98",
            reservation_expires_at=None,
        ),
    ),
    rokt_tag_id=None,
    accept_language="en-US",
    attributes={},
)


def compact(sample: str) -> bytes:
    """Return a sample without blanks; none of its strings holds one."""
    return re.sub(r"\s", "", sample).encode()


def test_the_documented_confirm_is_what_is_sent() -> None:
    call = confirm_call(PAID, SHAPE)
    assert (call.path, call.body) == ("/v1/Cart/confirm", compact(CONFIRM_SAMPLE))


def test_the_documented_release_is_what_is_sent() -> None:
    call = release_call(ABANDONED, ABANDONED.items, SHAPE)
    assert (call.path, call.body) == ("/v1/cart/release", compact(RELEASE_SAMPLE))


def test_both_calls_carry_the_documented_headers() -> None:
    documented = (
        ("rokt-session-id", "ca75f48-ebbd-4d8e-83c3-fdd70893294d"),
        ("rokt-tag-id", "253_439d21r21r21321"),
        ("Accept-Language", "en-US"),
    )
    assert confirm_call(PAID, SHAPE).headers == documented
    assert release_call(ABANDONED, ABANDONED.items, SHAPE).headers == documented


def test_the_fingerprints_of_the_samples_never_change() -> None:
    """A changed fingerprint would make every order of the ledger look like other content."""
    confirm = confirm_call(PAID, SHAPE)
    release = release_call(ABANDONED, ABANDONED.items, SHAPE)
    assert (confirm.fingerprint, release.fingerprint) == (CONFIRM_FINGERPRINT, RELEASE_FINGERPRINT)


def test_a_fingerprint_can_be_made_by_hand() -> None:
    """Operation, the event's own tag, and the body without `catalogItemId`, a line each."""
    bare = compact(CONFIRM_SAMPLE).replace(b'"catalogItemId":"parkwhiz_quote.84118520",', b"")
    by_hand = hashlib.sha256(b"CONFIRM\n\n" + bare).hexdigest()
    with_tag = hashlib.sha256(b"CONFIRM\nown\n" + bare).hexdigest()
    assert confirm_call(PAID, SHAPE).fingerprint == by_hand
    assert confirm_call(replace(PAID, rokt_tag_id="own"), SHAPE).fingerprint == with_tag
