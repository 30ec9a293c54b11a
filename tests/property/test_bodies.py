"""Bodies in both directions: ours are canonical and exact, theirs never break or deceive us."""

import json
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from processor.core.calls import Call, CallShape, RequestedItem, confirm_call, release_call
from processor.core.events import AbandonedItem, CartAbandoned, OrderItem, OrderPaid, problems
from processor.core.replies import BodyState, Failure, FailureKind, Kind, Response, Verdict
from processor.core.verdicts import classify
from processor.core.vocabulary import CartId, Effect, EventId, ItemResult, Operation, OrderId

SHAPE: Final = CallShape(tag_id="tag")

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
any_text = st.text(st.characters(), max_size=12)  # lone surrogates as well
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
prices = st.integers(0, 10**18 - 1).map(lambda unscaled: Decimal(unscaled).scaleb(-4))
attributes = st.dictionaries(text, text, max_size=4)
order_items = st.builds(
    OrderItem,
    cart_item_id=ids,
    catalog_item_id=st.none() | ids,
    item_reservation_id=st.none() | ids,
    quantity=st.integers(1, 2**31 - 1),
    unit_price=prices,
    total_price=prices,
    currency=st.text("ABCXYZ", min_size=3, max_size=3),
)


def has_distinct_ids(items: tuple[Any, ...]) -> bool:
    reservations = [item.item_reservation_id for item in items if item.item_reservation_id]
    return len(set(reservations)) == len(reservations)


def distinct(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    listed = st.lists(items, max_size=4, unique_by=lambda item: item.cart_item_id)
    return listed.map(tuple).filter(has_distinct_ids)


orders = st.builds(
    OrderPaid,
    event_id=ids.map(EventId),
    occurred_at=st.just(0),
    order_id=ids.map(OrderId),
    cart_id=ids.map(CartId),
    items=distinct(order_items),
    rokt_session_id=st.just("session"),
    rokt_tag_id=st.none() | st.just("own"),
    accept_language=st.none() | st.just("en-US"),
    pay_pal_order_id=st.none(),
    merchant_id=st.none(),
    attributes=attributes,
)
abandoned_carts = st.builds(
    CartAbandoned,
    event_id=ids.map(EventId),
    occurred_at=st.just(0),
    cart_id=ids.map(CartId),
    rokt_session_id=st.just("session"),
    items=distinct(
        st.builds(
            AbandonedItem,
            cart_item_id=ids,
            item_reservation_id=ids,
            reservation_expires_at=st.none(),
        )
    ),
    rokt_tag_id=st.none(),
    accept_language=st.none(),
    attributes=attributes,
)


@given(orders)
def test_a_confirm_says_exactly_what_the_order_says(order: OrderPaid) -> None:
    assert problems(order, order.cart_id.encode()) == ()
    said = json.loads(confirm_call(order, SHAPE).body, parse_float=Decimal, parse_int=Decimal)
    expected: dict[str, object] = {
        "cartId": order.cart_id,
        "orderId": order.order_id,
        "items": [
            {
                name: value
                for name, value in (
                    ("cartItemId", item.cart_item_id),
                    ("catalogItemId", item.catalog_item_id),
                    ("quantity", item.quantity),
                    ("currency", item.currency),
                    ("unitPrice", item.unit_price),
                    ("totalPrice", item.total_price),
                    ("itemReservationId", item.item_reservation_id),
                )
                if value is not None
            }
            for item in sorted(order.items, key=lambda item: item.cart_item_id)
        ],
    }
    if order.attributes:
        expected["attributes"] = order.attributes
    assert said == expected


@given(orders, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_listed_changes_no_byte(
    order: OrderPaid, dice: Random
) -> None:
    items, pairs = list(order.items), list(order.attributes.items())
    dice.shuffle(items)
    dice.shuffle(pairs)
    shuffled = replace(order, items=tuple(items), attributes=dict(pairs))
    assert confirm_call(shuffled, SHAPE) == confirm_call(order, SHAPE)


@given(orders)
def test_without_catalog_item_ids_the_same_order_has_the_same_fingerprint(order: OrderPaid) -> None:
    bare_items = tuple(replace(item, catalog_item_id=None) for item in order.items)
    bare = confirm_call(replace(order, items=bare_items), SHAPE)
    without = confirm_call(order, replace(SHAPE, sends_catalog_item_id=False))
    assert bare == without
    assert confirm_call(order, SHAPE).fingerprint == bare.fingerprint


@given(prices)
def test_a_price_is_written_exactly_and_as_short_as_can_be(price: Decimal) -> None:
    item = OrderItem(
        cart_item_id="a",
        catalog_item_id=None,
        item_reservation_id=None,
        quantity=1,
        unit_price=price,
        total_price=price,
        currency="CAD",
    )
    order = OrderPaid(
        event_id=EventId("e"),
        occurred_at=0,
        order_id=OrderId("o"),
        cart_id=CartId("c"),
        items=(item,),
        rokt_session_id=None,
        rokt_tag_id=None,
        accept_language=None,
        pay_pal_order_id=None,
        merchant_id=None,
        attributes={},
    )
    body = confirm_call(order, SHAPE).body.decode()
    literal = body.partition('"unitPrice":')[2].partition(",")[0]
    assert Decimal(literal) == price
    assert literal == "0" or not literal.startswith("00")
    assert set(literal) <= set("0123456789.")
    assert "." not in literal or literal[-1] not in "0."


@given(abandoned_carts)
def test_a_release_says_exactly_what_is_given_up(event: CartAbandoned) -> None:
    assert problems(event, event.cart_id.encode()) == ()
    expected: dict[str, object] = {
        "cartId": event.cart_id,
        "items": [
            {"cartItemId": item.cart_item_id, "itemReservationId": item.item_reservation_id}
            for item in sorted(event.items, key=lambda item: item.cart_item_id)
        ],
    }
    if event.attributes:
        expected["attributes"] = event.attributes
    assert json.loads(release_call(event, event.items, SHAPE).body) == expected


@given(any_text, any_text, any_text | st.none(), st.binary(max_size=12) | st.none())
def test_no_text_makes_validation_or_a_call_raise(
    first: str, second: str, third: str | None, key: bytes | None
) -> None:
    item = AbandonedItem(
        cart_item_id=first, item_reservation_id=second, reservation_expires_at=None
    )
    event = CartAbandoned(
        event_id=EventId(first),
        occurred_at=0,
        cart_id=CartId(second),
        rokt_session_id=first,
        items=(item, item),
        rokt_tag_id=None,
        accept_language=third,
        attributes={first: second},
    )
    for problem in problems(event, key):
        assert problem.isascii()
        assert problem.isprintable()
    assert json.loads(release_call(event, event.items, SHAPE).body)


# What comes back.

CALL: Final = Call(
    operation=Operation.CONFIRM,
    path="/",
    headers=(),
    body=b"{}",
    fingerprint="f",
    cart_id="cart",
    order_id="order",
    items=(
        RequestedItem(cart_item_id="a", item_reservation_id="ra"),
        RequestedItem(cart_item_id="b", item_reservation_id=None),
    ),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
near_items = st.fixed_dictionaries(
    {},
    optional={
        "cartItemId": st.sampled_from(["a", "b", "c", None, 1]),
        "itemReservationId": st.sampled_from(["ra", "rb", None, 1]),
        "success": st.sampled_from([True, False, "true", 1, None]),
        "itemConfirmationId": json_values,
        "itemConfirmationUrl": json_values,
    },
)
near_answers = st.fixed_dictionaries(
    {},
    optional={
        "cartId": st.sampled_from(["cart", "other", None, 1]),
        "orderId": st.sampled_from(["order", "other", None, 1]),
        "items": st.lists(near_items, max_size=3) | json_values,
        "description": json_values,
        "errors": st.lists(json_values, max_size=3) | json_values,
    },
)
bodies = st.binary(max_size=60) | (near_answers | json_values).map(
    lambda value: json.dumps(value).encode()
)
header_values = any_text | st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
responses = st.builds(
    Response,
    status=st.sampled_from([200, 200, 200, 201]) | st.integers(100, 999),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "location", "x-request-id", "server"]), header_values
    ),
    body=bodies,
    body_state=st.sampled_from([BodyState.COMPLETE, BodyState.COMPLETE, BodyState.TOO_LARGE]),
)
failures = st.builds(
    Failure,
    kind=st.sampled_from(FailureKind),
    detail=any_text,
    status=st.none() | st.integers(100, 999),
)


def texts(verdict: Verdict) -> list[str]:
    """Return what a verdict quotes of a reply, except the body as it came."""
    quoted = [verdict.detail, verdict.error_description, verdict.trace_id]
    for said in verdict.items:
        quoted += [said.item_confirmation_id, said.item_confirmation_url]
    for error in verdict.errors:
        quoted += [error.code, error.message, error.value_json]
    return [part for part in quoted if part is not None]


@given(responses | failures, st.booleans(), st.floats(0, 2e9))
def test_no_reply_breaks_classification_and_nothing_unclean_is_quoted(
    reply: Response | Failure,
    is_proven: bool,  # noqa: FBT001
    wall: float,
) -> None:
    verdict = classify(reply, CALL, is_proven=is_proven, wall=wall)
    assert verdict.retry_after is None or 0 < verdict.retry_after <= 900
    assert (verdict.reason is None) == (verdict.kind is Kind.SUCCEEDED)
    for part in texts(verdict):
        assert len(part.encode()) <= 4096 * 4
        assert not any(ord(character) < 32 or ord(character) == 127 for character in part)
    if verdict.response_body is not None:
        assert len(verdict.response_body.encode()) <= 8192 * 3


@given(near_answers)
def test_success_is_claimed_only_for_items_that_the_reply_names_as_such(
    answer: dict[str, Any],
) -> None:
    reply = Response(status=200, headers={}, body=json.dumps(answer).encode())
    verdict = classify(reply, CALL, is_proven=True, wall=0.0)
    listed = answer.get("items")
    for said in verdict.items:
        if said.result is ItemResult.SUCCEEDED:
            (entry,) = [
                entry
                for entry in listed or ()
                if isinstance(entry, dict) and entry.get("cartItemId") == said.cart_item_id
            ]
            assert entry["success"] is True
            assert said.item_reservation_id is None or entry.get("itemReservationId") in (
                None,
                said.item_reservation_id,
            )
            assert answer.get("cartId") in (None, "cart")
    if verdict.effect is Effect.APPLIED:
        assert {said.result for said in verdict.items} == {ItemResult.SUCCEEDED}
        assert len(listed or ()) == len(CALL.items)
