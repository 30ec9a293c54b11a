"""The catalog of samples that `processor demo` goes through."""

from dataclasses import replace
from typing import Final

from processor.core.vocabulary import Effect, EventId, Operation, Reason, Status
from processor.demo.events import abandoned, given_up, item, paid
from processor.demo.samples import Expectation, Sample, Section, sample
from processor.fake_rokt import Lie, Send, Then

SAMPLE_TAG: Final = "253_439d21r21r21321"  # of Rokt's own pages, as all of the next five
_SAMPLE_CART: Final = "1580265846172"
_SAMPLE_SESSION: Final = "ca75f48-ebbd-4d8e-83c3-fdd70893294d"
_SAMPLE_CART_ITEM: Final = "30d0a389-5f63-4e20-9553-13ff40f8b11c"
_SAMPLE_RESERVATION: Final = "rokt_item_reservation_id.63a94103-75da-4d71-8c14-84674d286b98"
_SAMPLE_CATALOG_ITEM: Final = "parkwhiz_quote.84118520"

_CART_BESIDE_I: Final = "cart-c"  # in cart-i's partition, where its order is known
_CART_BESIDE_X: Final = "cart-ab"  # in cart-x's partition, so that it succeeds after cart-x fails
_LONG_AGO: Final = 1_580_265_846_172
_ONCE_503: Final = Then(status=503)
_ONCE_422: Final = Then(status=422)

_TWICE: Final = Expectation(calls=2)
_SKIPPED: Final = Expectation(status=Status.SKIPPED, effect=Effect.NOT_SENT, calls=0)
_DUPLICATE: Final = Expectation(status=Status.DUPLICATE, effect=Effect.NOT_SENT, calls=0)
_CONFLICT: Final = Expectation(
    status=Status.CONFLICT,
    effect=Effect.NOT_SENT,
    reason=Reason.CONFLICTING_DUPLICATE,
    calls=0,
)


def _not_sent(reason: Reason) -> Expectation:
    return Expectation(status=Status.REJECTED, effect=Effect.NOT_SENT, reason=reason, calls=0)


def _rejected(reason: Reason) -> Expectation:
    return Expectation(status=Status.REJECTED, effect=Effect.NOT_APPLIED, reason=reason)


def _doubtful(reason: Reason, calls: int) -> Expectation:
    return Expectation(
        status=Status.INDETERMINATE, effect=Effect.MAYBE_APPLIED, reason=reason, calls=calls
    )


_ROKTS_RELEASE: Final = replace(
    abandoned(
        _SAMPLE_CART,
        replace(
            given_up("sample"),
            cart_item_id=_SAMPLE_CART_ITEM,
            item_reservation_id=_SAMPLE_RESERVATION,
        ),
    ),
    rokt_session_id=_SAMPLE_SESSION,
    accept_language="en-US",
)
_ROKTS_CONFIRM: Final = replace(
    paid(
        "1580265885747",
        _SAMPLE_CART,
        replace(
            item("sample"),
            cart_item_id=_SAMPLE_CART_ITEM,
            catalog_item_id=_SAMPLE_CATALOG_ITEM,
            item_reservation_id=_SAMPLE_RESERVATION,
        ),
    ),
    rokt_session_id=_SAMPLE_SESSION,
    accept_language="en-US",
)

_PLAIN: Final = Section(
    title="Orders paid and carts abandoned",
    samples=(
        sample("order of one item", paid("1001", "cart-a", item("1001"))),
        sample(
            "order of three items, with attributes",
            replace(
                paid(
                    "1002",
                    "cart-b",
                    item("1002-ticket", price="12.5", quantity=2),
                    item("1002-parking", price="7.9999"),
                    item("1002-insurance", price="0"),
                ),
                attributes={"channel": "app", "store": "Québec"},
            ),
        ),
        sample("order without items", paid("1003", "cart-c")),
        sample(
            "order paid with PayPal",
            replace(
                paid("1004", "cart-d", item("1004")),
                pay_pal_order_id="5O190127TN364715T",
                merchant_id="merchant-1",
            ),
        ),
        sample(
            "order of another site, unreserved",
            replace(
                paid("1005", "cart-e", replace(item("1005"), item_reservation_id=None)),
                rokt_tag_id="another-tag",
            ),
        ),
        sample("first of two orders of a cart", paid("1006", "cart-f", item("1006"))),
        sample("second order, of another item", paid("1007", "cart-f", item("1007"))),
        sample("abandoned cart of one item", abandoned("cart-g", given_up("g"))),
        sample("abandoned cart of two items", abandoned("cart-h", given_up("h1"), given_up("h2"))),
    ),
)
_REPEATED: Final = Section(
    title="The same again",
    samples=(
        sample("an order", paid("2001", "cart-i", item("2001"))),
        sample("the same order, produced twice", paid("2001", "cart-i", item("2001")), _DUPLICATE),
        sample(
            "the same order at another price",
            paid("2001", "cart-i", item("2001", price="11")),
            _CONFLICT,
        ),
        sample(
            "the same order under another cart",
            paid("2001", _CART_BESIDE_I, item("2001")),
            _CONFLICT,
            is_late=True,
        ),
        sample(
            "another order for the item just sold", paid("2002", "cart-i", item("2001")), _CONFLICT
        ),
    ),
)
_ABANDONED: Final = Section(
    title="Carts both paid and abandoned",
    samples=(
        sample("an order", paid("3001", "cart-k", item("k"))),
        sample("its cart, abandoned", abandoned("cart-k", given_up("k")), _SKIPPED),
        sample("an order of one of two items", paid("3002", "cart-l", item("l1"))),
        sample(
            "its cart: only the other is released",
            abandoned("cart-l", given_up("l1"), given_up("l2")),
        ),
        sample(
            "the same cart again",
            replace(
                abandoned("cart-l", given_up("l1"), given_up("l2")),
                event_id=EventId("abandoned.cart-l.again"),
            ),
            _SKIPPED,
        ),
        sample(
            "a cart whose reservation has expired",
            abandoned("cart-m", given_up("m", expires_at=_LONG_AGO)),
            _SKIPPED,
        ),
        sample("the release that Rokt documents", _ROKTS_RELEASE),
        sample(
            "its documented confirm, too late",
            _ROKTS_CONFIRM,
            _rejected(Reason.ITEMS_REJECTED),
            is_late=True,
        ),
    ),
)
_REFUSED: Final = Section(
    title="Rokt says no",
    samples=(
        sample(
            "422: Rokt cannot process it",
            paid("4001", "cart-n", item("4001")),
            _rejected(Reason.UNPROCESSABLE),
            _ONCE_422,
        ),
        sample("the same order, corrected", paid("4001", "cart-n", item("4001", price="9"))),
        sample(
            "400: Rokt cannot read it",
            paid("4002", "cart-o", item("4002")),
            _rejected(Reason.BAD_REQUEST),
            Then(status=400),
        ),
        sample(
            "422 to a release",
            abandoned("cart-p", given_up("p")),
            _rejected(Reason.UNPROCESSABLE),
            _ONCE_422,
        ),
        sample(
            "200, but no item with success",
            paid("4003", "cart-q", item("q1"), item("q2")),
            _rejected(Reason.ITEMS_REJECTED),
            Then(reject="all"),
        ),
        sample(
            "200, one of two items with success",
            paid("4004", "cart-r", item("r1"), item("r2")),
            Expectation(
                status=Status.PARTIALLY_SUCCEEDED,
                effect=Effect.PARTIALLY_APPLIED,
                reason=Reason.ITEMS_REJECTED,
            ),
            Then(reject=("item.r2",)),
        ),
        sample(
            "200 that names another reservation",
            paid("4005", "cart-s", item("4005")),
            _doubtful(Reason.RESPONSE_MISMATCH, calls=1),
            Then(lies=(Lie.WRONG_RESERVATION_ID,)),
        ),
    ),
)
_TROUBLED: Final = Section(
    title="Rokt has trouble",
    samples=(
        sample("503, then well again", paid("5001", "cart-t", item("5001")), _TWICE, _ONCE_503),
        sample(
            "confirmed, but the answer got lost",
            paid("5002", "cart-u", item("5002")),
            _TWICE,
            Then(send=Send.RESET),
        ),
        sample(
            "429 with Retry-After: 1",
            paid("5003", "cart-v", item("5003")),
            _TWICE,
            Then(status=429, headers={"Retry-After": "1"}),
        ),
        sample(
            "503 to a release, then well", abandoned("cart-w", given_up("w")), _TWICE, _ONCE_503
        ),
        sample(
            "504 until attempts are used up",
            paid("5004", "cart-x", item("5004")),
            _doubtful(Reason.RETRIES_EXHAUSTED, calls=2),
            *(Then(status=504),) * 2,
            is_late=True,
        ),
        # A 504 rests for two seconds, so this one succeeds with a call that is sent in between.
        sample(
            "503 to an order meanwhile, then well",
            paid("5005", _CART_BESIDE_X, item("5005")),
            _TWICE,
            _ONCE_503,
            is_late=True,
        ),
    ),
)
_UNUSABLE: Final = Section(
    title="Records that cannot be used",
    samples=(
        Sample(
            title="bytes that are no event",
            operation=Operation.CONFIRM,
            key="cart-y",
            content=b'{"orderId": "6001"}',
            expects=_not_sent(Reason.UNDECODABLE),
        ),
        sample("its cart, abandoned: was it paid?", abandoned("cart-y", given_up("y")), _SKIPPED),
        Sample(
            title="no value at all",
            operation=Operation.RELEASE,
            key="cart-z",
            content=None,
            expects=_not_sent(Reason.UNDECODABLE),
        ),
        sample(
            "an order of no pieces in 'cad'",
            paid("6002", "cart-z", replace(item("6002"), quantity=0, currency="cad")),
            _not_sent(Reason.INVALID_EVENT),
        ),
        replace(
            sample(
                "a key that is not the cart",
                paid("6003", "cart-0", item("6003")),
                _not_sent(Reason.INVALID_EVENT),
            ),
            key="order-6003",
        ),
    ),
)

CATALOG: Final = (_PLAIN, _REPEATED, _ABANDONED, _REFUSED, _TROUBLED, _UNUSABLE)
