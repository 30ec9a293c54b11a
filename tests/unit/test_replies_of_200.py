"""A 200: believed as far as it matches the call, and no further."""

import json
from typing import Final

import pytest

from processor.core.calls import Call, RequestedItem
from processor.core.replies import BodyState, Concern, ItemVerdict, Kind, Response, Verdict
from processor.core.verdicts import classify
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status

S: Final = ItemResult.SUCCEEDED
R: Final = ItemResult.REJECTED
M: Final = ItemResult.MISSING_FROM_RESPONSE
I: Final = ItemResult.INDETERMINATE  # noqa: E741


def call(*items: tuple[str, str | None], operation: Operation = Operation.CONFIRM) -> Call:
    return Call(
        operation=operation,
        path="/",
        headers=(),
        body=b"{}",
        fingerprint="f",
        cart_id="cart",
        order_id="order" if operation is Operation.CONFIRM else None,
        items=tuple(RequestedItem(cart_item_id=i, item_reservation_id=r) for i, r in items),
    )


ONE: Final = call(("a", "ra"))
TWO: Final = call(("a", "ra"), ("b", "rb"))
NONE: Final = call()
UNRESERVED: Final = call(("a", None))
RELEASE: Final = call(("a", "ra"), operation=Operation.RELEASE)


def verdict_of(body: object, asked: Call = ONE, status: int = 200) -> Verdict:
    text = body if isinstance(body, str) else json.dumps(body)
    reply = Response(status=status, headers={}, body=text.encode())
    return classify(reply, asked, is_proven=True, wall=0.0)


def item(
    cart_item_id: object = "a", *, success: object = True, **more: object
) -> dict[str, object]:
    return {"cartItemId": cart_item_id, "success": success, **more}


def refused(cart_item_id: str = "a") -> dict[str, object]:
    return item(cart_item_id, success=False)


Row = tuple[Kind, Effect, Concern, bool, Status, Reason | None, bool]
SUCCEEDED: Final[Row] = (
    Kind.SUCCEEDED, Effect.APPLIED, Concern.MESSAGE, True, Status.SUCCEEDED, None, True,
)  # fmt: skip
REJECTED: Final[Row] = (
    Kind.REJECTED, Effect.NOT_APPLIED, Concern.MESSAGE, True,
    Status.REJECTED, Reason.ITEMS_REJECTED, True,
)  # fmt: skip
PARTIAL: Final[Row] = (
    Kind.PARTIALLY_SUCCEEDED, Effect.PARTIALLY_APPLIED, Concern.MESSAGE, True,
    Status.PARTIALLY_SUCCEEDED, Reason.ITEMS_REJECTED, True,
)  # fmt: skip
INCOMPLETE: Final[Row] = (
    Kind.INDETERMINATE, Effect.MAYBE_APPLIED, Concern.MESSAGE, True,
    Status.INDETERMINATE, Reason.RESPONSE_MISMATCH, False,
)  # fmt: skip
MISMATCH: Final[Row] = (Kind.MISMATCH, *INCOMPLETE[1:])
GARBLED: Final[Row] = (
    Kind.SYSTEMIC, Effect.MAYBE_APPLIED, Concern.SYSTEMIC, False,
    Status.INDETERMINATE, Reason.RETRIES_EXHAUSTED, False,
)  # fmt: skip


def row(verdict: Verdict) -> Row:
    return (
        verdict.kind,
        verdict.effect,
        verdict.concern,
        verdict.is_final,
        verdict.status,
        verdict.reason,
        verdict.is_documented,
    )


NO_BOOLEANS: tuple[object, ...] = ("true", 1, 0, 1.0, None, [], [True], {})
CASES: list[tuple[str, Call, object, Row, tuple[ItemResult, ...]]] = [
    # ids and items that match
    ("all ids", ONE, {"cartId": "cart", "orderId": "order",
                      "items": [item(itemReservationId="ra")]}, SUCCEEDED, (S,)),
    ("ids left out", ONE, {"items": [item()]}, SUCCEEDED, (S,)),
    ("ids null", ONE, {"cartId": None, "orderId": None,
                       "items": [item(itemReservationId=None)]}, SUCCEEDED, (S,)),
    ("other order of items", TWO, {"items": [item("b"), item("a")]}, SUCCEEDED, (S, S)),
    ("unknown fields", ONE, {"x": {"y": [1]}, "items": [item(z=1)]}, SUCCEEDED, (S,)),
    ("no reservation asked for", UNRESERVED, {"items": [item(itemReservationId="new")]},
     SUCCEEDED, (S,)),
    ("release", RELEASE, {"cartId": "cart", "items": [item(itemReservationId="ra")]},
     SUCCEEDED, (S,)),
    ("orderId in a release is an unknown field", RELEASE, {"orderId": "x", "items": [item()]},
     SUCCEEDED, (S,)),
    ("a byte order mark", ONE, '\ufeff{"items":[{"cartItemId":"a","success":true}]}',
     SUCCEEDED, (S,)),
    # an order without items
    ("no items: absent", NONE, {}, SUCCEEDED, ()),
    ("no items: null", NONE, {"items": None}, SUCCEEDED, ()),
    ("no items: empty", NONE, {"cartId": "cart", "items": []}, SUCCEEDED, ()),
    ("no items: one is listed", NONE, {"items": [item()]}, MISMATCH, ()),
    ("no items: not an array", NONE, {"items": {}}, MISMATCH, ()),
    ("no items: another cart", NONE, {"cartId": "x"}, MISMATCH, ()),
    ("no items: an array", NONE, [], GARBLED, ()),
    # items refused
    ("false", ONE, {"items": [refused()]}, REJECTED, (R,)),
    ("all false", TWO, {"items": [refused("a"), refused("b")]}, REJECTED, (R, R)),
    ("some false", TWO, {"items": [refused("a"), item("b")]}, PARTIAL, (R, S)),
    ("false in a release", RELEASE, {"items": [refused()]}, REJECTED, (R,)),
    # items missing
    ("one missing", TWO, {"items": [item("b")]}, INCOMPLETE, (M, S)),
    ("one missing, one false", TWO, {"items": [refused("b")]}, INCOMPLETE, (M, R)),
    ("items absent", ONE, {"cartId": "cart"}, INCOMPLETE, (M,)),
    ("items null", ONE, {"items": None}, INCOMPLETE, (M,)),
    ("items empty", ONE, {"items": []}, INCOMPLETE, (M,)),
    ("empty object", ONE, {}, INCOMPLETE, (M,)),
    # another call's answer
    ("another cart", ONE, {"cartId": "x", "items": [item()]}, MISMATCH, (I,)),
    ("cart as a number", ONE, {"cartId": 1, "items": [item()]}, MISMATCH, (I,)),
    ("empty cart", ONE, {"cartId": "", "items": [item()]}, MISMATCH, (I,)),
    ("another order", ONE, {"orderId": "x", "items": [item()]}, MISMATCH, (I,)),
    ("another cart, released", RELEASE, {"cartId": "x", "items": [item()]}, MISMATCH, (I,)),
    ("another reservation", TWO, {"items": [item("a", itemReservationId="x"), item("b")]},
     MISMATCH, (I, S)),
    ("reservation as a number", ONE, {"items": [item(itemReservationId=1)]}, MISMATCH, (I,)),
    # items that were not asked for, or twice
    ("unknown item", ONE, {"items": [item(), item("x")]}, MISMATCH, (S,)),
    ("only an unknown item", ONE, {"items": [item("x")]}, MISMATCH, (M,)),
    ("case matters", ONE, {"items": [item("A")]}, MISMATCH, (M,)),
    ("item twice", TWO, {"items": [item("a"), item("a"), item("b")]}, MISMATCH, (I, S)),
    ("item twice, at odds", TWO, {"items": [item("a"), refused("a"), item("b")]},
     MISMATCH, (I, S)),
    ("item without id", ONE, {"items": [item(), {"success": True}]}, MISMATCH, (S,)),
    ("item id null", ONE, {"items": [item(None)]}, MISMATCH, (M,)),
    ("item id a number", ONE, {"items": [item(1)]}, MISMATCH, (M,)),
    ("item not an object", ONE, {"items": [item(), "a"]}, MISMATCH, (S,)),
    ("items an object", ONE, {"items": {"a": True}}, MISMATCH, (I,)),
    ("items a string", ONE, {"items": "a"}, MISMATCH, (I,)),
    ("items false", ONE, {"items": False}, MISMATCH, (I,)),
    # success that is no boolean
    *[
        (f"success {json.dumps(success)}", TWO, {"items": [item("a", success=success), item("b")]},
         MISMATCH, (I, S))
        for success in NO_BOOLEANS
    ],
    ("success left out", ONE, {"items": [{"cartItemId": "a"}]}, MISMATCH, (I,)),
    # no JSON object
    ("null", ONE, "null", GARBLED, ()),
    ("array", ONE, [item()], GARBLED, ()),
    ("NaN", ONE, '{"items":[{"cartItemId":"a","success":true,"x":NaN}]}', GARBLED, ()),
    ("Infinity", ONE, '{"items":[{"cartItemId":"a","success":true,"x":-Infinity}]}', GARBLED, ()),
    ("success twice", ONE, '{"items":[{"cartItemId":"a","success":false,"success":true}]}',
     GARBLED, ()),
    ("cartId twice", ONE, '{"cartId":"x","cartId":"cart","items":[]}', GARBLED, ()),
    ("unknown field twice", ONE, '{"x":1,"x":1,"items":[{"cartItemId":"a","success":true}]}',
     GARBLED, ()),
    ("two values", ONE, '{"items":[{"cartItemId":"a","success":true}]}{}', GARBLED, ()),
    ("deep nesting", ONE, '{"items":' + "[" * 300_000, GARBLED, ()),
    ("deep nesting, closed", ONE, '{"x":' + "[" * 300_000 + "]" * 300_000 + "}", GARBLED, ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "body", "expected", "results"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_200_says_what_its_checks_let_pass(
    asked: Call, body: object, expected: Row, results: tuple[ItemResult, ...]
) -> None:
    verdict = verdict_of(body, asked)
    assert (row(verdict), tuple(said.result for said in verdict.items)) == (expected, results)


@pytest.mark.parametrize(("asked", "body", "expected"), [case[1:4] for case in CASES[:20]])
def test_a_201_means_the_same_with_a_warning(asked: Call, body: object, expected: Row) -> None:
    verdict = verdict_of(body, asked, status=201)
    assert row(verdict) == expected
    assert verdict.detail is not None
    assert verdict.detail.startswith("HTTP 201 where 200 is documented")


def test_a_success_keeps_the_confirmation_but_no_body() -> None:
    confirmed = item(itemConfirmationId="c-1", itemConfirmationUrl="https://voucher.example/1")
    verdict = verdict_of({"items": [confirmed]})
    assert verdict == Verdict(
        kind=Kind.SUCCEEDED,
        effect=Effect.APPLIED,
        concern=Concern.MESSAGE,
        is_final=True,
        status=Status.SUCCEEDED,
        reason=None,
        http_status=200,
        items=(
            ItemVerdict(
                cart_item_id="a",
                item_reservation_id="ra",
                result=S,
                item_confirmation_id="c-1",
                item_confirmation_url="https://voucher.example/1",
            ),
        ),
        is_documented=True,
    )


CONFIRMATIONS: list[tuple[object, str | None]] = [
    (None, None),
    (42, "42"),
    ("a\nb\ud800", "a b "),
    ("x" * 10_000, "x" * 4095 + "…"),
    # Written anew it would be four times as long as it came.
    ([1e15] * 200, ("[" + "1000000000000000.0," * 200)[:63] + "…"),
]


@pytest.mark.parametrize(("given", "kept"), CONFIRMATIONS)
def test_a_confirmation_is_kept_as_clean_bounded_text(given: object, kept: str | None) -> None:
    verdict = verdict_of({"items": [item(itemConfirmationId=given, itemConfirmationUrl=given)]})
    (said,) = verdict.items
    assert (said.item_confirmation_id, said.item_confirmation_url) == (kept, kept)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("javascript:alert(1)", None),
        ("\x01 \tJavaScript:alert(1)", None),
        ("data:text/html,<script>", None),
        ("VBSCRIPT:x", None),
        ("view-source:javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("blob:https://voucher.example/1", None),
        ("intent://voucher.example#Intent;end", None),
        ("java\nscript:alert(1)", "java script:alert(1)"),  # no scheme any more
        ("https://voucher.example/javascript:1", "https://voucher.example/javascript:1"),
        ("voucher://1", "voucher://1"),
    ],
)
def test_an_address_that_runs_what_it_says_is_not_kept(given: str, kept: str | None) -> None:
    verdict = verdict_of({"items": [item(itemConfirmationUrl=given)]})
    assert [said.item_confirmation_url for said in verdict.items] == [kept]


def test_nothing_is_kept_of_an_entry_that_is_not_believed() -> None:
    answered = item(itemReservationId="x", itemConfirmationId="c", itemConfirmationUrl="u")
    assert verdict_of({"items": [answered]}).items == (
        ItemVerdict(cart_item_id="a", item_reservation_id="ra", result=I),
    )


def test_a_body_is_kept_unless_everything_succeeded() -> None:
    body = '{"items":[{"cartItemId":"a","success":false}]}'
    assert verdict_of(body).response_body == body


DETAILS: list[tuple[Call, object, str]] = [
    (ONE, "", "the reply is empty"),
    (ONE, "<html>", "the reply is not a JSON object"),
    (TWO, {"items": [item("a")]}, "1 of 2 items are missing from the reply"),
    (TWO, {"items": [refused("a"), item("b")]},
     "1 of 2 items were answered with success: false"),
    (ONE, {"cartId": "x"}, "the reply does not match the call: it names another cartId"),
    (ONE, {"items": [item("x\n" * 500)]},
     "the reply does not match the call: it lists an item that was not asked for: "
     + ("x " * 40)[:79] + "…"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "body", "detail"), DETAILS)
def test_the_detail_says_what_is_wrong(asked: Call, body: object, detail: str) -> None:
    assert verdict_of(body, asked).detail == detail


@pytest.mark.parametrize(
    ("state", "detail"),
    [
        (BodyState.TOO_LARGE, "the reply is larger than allowed"),
        (BodyState.UNREADABLE, "the reply's encoding is broken or unknown"),
    ],
)
def test_the_detail_says_why_there_is_no_body(state: BodyState, detail: str) -> None:
    reply = Response(status=200, headers={}, body=b"", body_state=state)
    assert classify(reply, ONE, is_proven=True, wall=0.0).detail == detail
