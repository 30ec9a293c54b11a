"""What the ledger answers: every row of what may be known of an order, and of item units."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from processor.core.ledger import Ledger
from processor.core.meetings import Conflict, Duplicate, Proceed
from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.shelves import Shelves, Unit
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release

ITEM: Final = "a"


def outcome(
    status: Status,
    effect: Effect,
    result: ItemResult = ItemResult.UNKNOWN,
    *,
    operation: Operation = Operation.CONFIRM,
    items: str = ITEM,
) -> OutcomeView:
    """The outcome of `order`, or of a release of its cart."""
    is_release = operation is Operation.RELEASE
    return OutcomeView(
        outcome_id=f"{status}-{effect}",
        operation=operation,
        status=status,
        effect=effect,
        reason=None,
        cart_id="cart",
        order_id="order" if operation is Operation.CONFIRM else None,
        source=Source(ABANDONMENTS if is_release else PAYMENTS, 0, 7, None),
        origin=None,
        replay_id=None,
        request_fingerprint="same",
        items=tuple(
            ItemVerdict(
                cart_item_id=f"item-{name}",
                item_reservation_id=f"reservation-{name}",
                result=result,
            )
            for name in items
        ),
    )


def knowing(*outcomes: OutcomeView) -> Ledger:
    ledger = Ledger(ABANDONMENTS)
    for one in outcomes:
        ledger.learn(one)
    return ledger


INVALID: Final = outcome(Status.REJECTED, Effect.NOT_SENT)._replace(
    reason=Reason.INVALID_EVENT,
    request_fingerprint="",
)
TAINTED_INVALID: Final = INVALID._replace(status=Status.INDETERMINATE, effect=Effect.MAYBE_APPLIED)
UNDECODABLE: Final = outcome(Status.REJECTED, Effect.NOT_SENT, operation=Operation.UNKNOWN)


@pytest.mark.parametrize(
    ("known", "same_content", "other_content", "authorised"),
    [
        ((), Proceed, Proceed, Proceed),
        ((INVALID,), Proceed, Proceed, Proceed),
        ((TAINTED_INVALID,), Proceed, Proceed, Proceed),
        ((UNDECODABLE,), Proceed, Proceed, Proceed),
        ((outcome(Status.CONFLICT, Effect.NOT_SENT),), Proceed, Proceed, Proceed),
        ((outcome(Status.CONFLICT, Effect.MAYBE_APPLIED),), Duplicate, Conflict, Proceed),
        ((outcome(Status.SUCCEEDED, Effect.APPLIED),), Duplicate, Conflict, Duplicate),
        (
            (outcome(Status.PARTIALLY_SUCCEEDED, Effect.PARTIALLY_APPLIED),),
            Duplicate,
            Conflict,
            Duplicate,
        ),
        ((outcome(Status.REJECTED, Effect.NOT_SENT),), Proceed, Proceed, Proceed),
        ((outcome(Status.REJECTED, Effect.NOT_APPLIED),), Proceed, Proceed, Proceed),
        ((outcome(Status.INDETERMINATE, Effect.MAYBE_APPLIED),), Duplicate, Conflict, Proceed),
        (
            (
                outcome(Status.SUCCEEDED, Effect.APPLIED),
                outcome(Status.DUPLICATE, Effect.NOT_SENT),
                outcome(Status.INDETERMINATE, Effect.MAYBE_APPLIED),
            ),
            Duplicate,
            Conflict,
            Duplicate,
        ),
    ],
)
def test_whether_an_order_may_be_called(
    known: tuple[OutcomeView, ...],
    same_content: type[object],
    other_content: type[object],
    authorised: type[object],
) -> None:
    ledger, event = knowing(*known), order()
    answers = (
        ledger.ask_confirm(event, "same"),
        ledger.ask_confirm(event, "other"),
        ledger.ask_confirm(event, "same", is_authorised=True),
    )
    assert tuple(map(type, answers)) == (same_content, other_content, authorised)


def test_authorisation_does_not_make_other_content_the_same() -> None:
    ledger = knowing(outcome(Status.INDETERMINATE, Effect.MAYBE_APPLIED))
    assert isinstance(ledger.ask_confirm(order(), "other", is_authorised=True), Conflict)


def test_an_open_order_is_refused_under_every_other_cart() -> None:
    ledger, event = knowing(), order()
    ledger.open(event)
    answers = [
        type(ledger.ask_confirm(asking, "same"))
        for asking in (event, replace(event), order(cart="another"))
    ]
    assert answers == [Proceed, Proceed, Conflict]  # within a cart the lane keeps the order


def test_only_the_record_that_opened_an_order_closes_it() -> None:
    ledger, event = knowing(), order()
    ledger.open(event)
    ledger.close(replace(event))
    assert isinstance(ledger.ask_confirm(order(cart="another"), "same"), Conflict)
    ledger.close(event)
    assert isinstance(ledger.ask_confirm(order(cart="another"), "same"), Proceed)


def test_a_partition_that_is_given_up_has_no_open_orders() -> None:
    ledger = knowing()
    ledger.open(order())
    ledger.close_all()
    assert isinstance(ledger.ask_confirm(order(cart="another"), "same"), Proceed)


@pytest.mark.parametrize(
    ("status", "effect", "result", "answer"),
    [
        (Status.SUCCEEDED, Effect.APPLIED, ItemResult.SUCCEEDED, Conflict),
        (Status.INDETERMINATE, Effect.MAYBE_APPLIED, ItemResult.UNKNOWN, Conflict),
        (Status.PARTIALLY_SUCCEEDED, Effect.PARTIALLY_APPLIED, ItemResult.SUCCEEDED, Conflict),
        (Status.PARTIALLY_SUCCEEDED, Effect.PARTIALLY_APPLIED, ItemResult.REJECTED, Proceed),
        (Status.REJECTED, Effect.NOT_APPLIED, ItemResult.REJECTED, Proceed),
        (Status.REJECTED, Effect.NOT_APPLIED, ItemResult.UNKNOWN, Proceed),
        (Status.CONFLICT, Effect.NOT_SENT, ItemResult.UNKNOWN, Proceed),
    ],
)
@pytest.mark.parametrize("by", ["both ids", "cartItemId", "itemReservationId"])
def test_an_item_of_a_settled_order_belongs_to_it(
    status: Status, effect: Effect, result: ItemResult, answer: type[object], by: str
) -> None:
    ledger = knowing(outcome(status, effect, result))
    asked = order("another order", items=ITEM)
    item = asked.items[0]
    if by == "cartItemId":
        item = replace(item, item_reservation_id=None)
    if by == "itemReservationId":
        item = replace(item, cart_item_id="another")
    assert type(ledger.ask_confirm(replace(asked, items=(item,)), "x")) is answer


def test_an_order_with_one_overlapping_item_conflicts_as_a_whole() -> None:
    ledger = knowing(outcome(Status.SUCCEEDED, Effect.APPLIED, ItemResult.SUCCEEDED))
    assert isinstance(ledger.ask_confirm(order("another", items="ba"), "x"), Conflict)
    assert isinstance(ledger.ask_confirm(order("another", items="b"), "x"), Proceed)


def test_a_stronger_outcome_takes_back_the_claims_of_a_weaker_one() -> None:
    ledger = knowing(
        outcome(Status.INDETERMINATE, Effect.MAYBE_APPLIED),
        outcome(Status.PARTIALLY_SUCCEEDED, Effect.PARTIALLY_APPLIED, ItemResult.REJECTED),
    )
    assert isinstance(ledger.ask_confirm(order("another"), "x"), Proceed)


def test_equal_outcomes_claim_together_in_whatever_order_they_are_read() -> None:
    kept = outcome(Status.INDETERMINATE, Effect.MAYBE_APPLIED)
    refused = kept._replace(items=(kept.items[0]._replace(result=ItemResult.REJECTED),))
    for known in ((kept, refused), (refused, kept)):
        assert isinstance(knowing(*known).ask_confirm(order("another"), "x"), Conflict)


def test_an_item_that_two_orders_claim_belongs_to_the_other_when_one_lets_go() -> None:
    claims = [
        outcome(Status.INDETERMINATE, Effect.MAYBE_APPLIED)._replace(order_id=order_id)
        for order_id in ("order-1", "order-2")
    ]
    partial = outcome(Status.PARTIALLY_SUCCEEDED, Effect.PARTIALLY_APPLIED, ItemResult.REJECTED)
    let_go = partial._replace(order_id="order-1")
    for known in ([*claims, let_go], [let_go, *claims], [claims[0], let_go, claims[1]]):
        answer = knowing(*known).ask_confirm(order("another"), "x")
        assert answer == Conflict(detail="item item-a belongs to order order-2 already")


@pytest.mark.parametrize(
    "known",
    [
        outcome(Status.SUCCEEDED, Effect.APPLIED, ItemResult.SUCCEEDED),
        outcome(Status.PARTIALLY_SUCCEEDED, Effect.PARTIALLY_APPLIED, ItemResult.REJECTED),
        outcome(Status.REJECTED, Effect.NOT_APPLIED),
        outcome(Status.INDETERMINATE, Effect.MAYBE_APPLIED),
        outcome(Status.CONFLICT, Effect.NOT_SENT),
        INVALID,
    ],
)
def test_an_item_of_any_decodable_order_counts_as_paid(known: OutcomeView) -> None:
    assert knowing(known).ask_release(release(), 0).items == ()


@pytest.mark.parametrize(
    ("status", "result", "is_releasable", "is_told"),
    [
        (Status.SUCCEEDED, ItemResult.SUCCEEDED, False, True),
        (Status.INDETERMINATE, ItemResult.INDETERMINATE, True, True),
        (Status.INDETERMINATE, ItemResult.MISSING_FROM_RESPONSE, True, True),
        (Status.REJECTED, ItemResult.REJECTED, True, False),
        (Status.SKIPPED, ItemResult.UNKNOWN, True, False),
    ],
)
def test_what_an_earlier_release_means_for_its_items(
    status: Status, result: ItemResult, *, is_releasable: bool, is_told: bool
) -> None:
    ledger = knowing(outcome(status, Effect.NOT_SENT, result, operation=Operation.RELEASE))
    released = ("item-a",) if is_told else ()
    assert bool(ledger.ask_release(release(), 0).items) == is_releasable
    assert ledger.ask_confirm(order(), "x") == Proceed(released_before_paid=released)


def test_expired_items_are_dropped_one_by_one() -> None:
    event = release(items="ab")
    early, late = event.items
    asked = replace(event, items=(replace(early, reservation_expires_at=1_000), late))
    assert knowing().ask_release(asked, 1_000).items == (late,)
    assert knowing().ask_release(asked, 999).items == asked.items


def test_releases_of_a_cart_wait_until_its_unreadable_payment_is_read() -> None:
    ledger = knowing(UNDECODABLE)
    assert ledger.ask_release(release(), 0).items == ()
    assert ledger.ask_release(release("another"), 0).items != ()
    redriven = outcome(Status.SUCCEEDED, Effect.APPLIED, items="z")._replace(
        origin=UNDECODABLE.source,
        source=Source("rokt-replay", 0, 0, None),
    )
    ledger.learn(redriven)
    assert ledger.ask_release(release(), 0).items != ()


def test_of_too_many_unreadable_records_not_each_is_kept_and_the_cart_is_never_released() -> None:
    sources = [Source(PAYMENTS, 0, offset, None) for offset in range(5_000)]
    unreadable: dict[str, tuple[Source, ...]] = {}
    ledger = Ledger(ABANDONMENTS, Shelves(unreadable=unreadable))
    for source in sources:
        ledger.learn(UNDECODABLE._replace(source=source))
    assert len(unreadable["cart"]) < 200
    for source in sources:
        ledger.learn_readable(source)
    assert ledger.ask_release(release(), 0).is_refused
    assert ledger.ask_release(release("another"), 0).items != ()


def test_a_cart_with_more_items_than_any_real_one_is_given_up_with_all_of_it_paid() -> None:
    carts: dict[str, Mapping[str, Unit]] = {}
    ledger = Ledger(ABANDONMENTS, Shelves(carts=carts))
    known = outcome(Status.SUCCEEDED, Effect.APPLIED, ItemResult.SUCCEEDED)
    for number in range(10):
        names = [f"{number}-{item}" for item in range(10_000)]
        items = tuple(ItemVerdict(name, None, ItemResult.SUCCEEDED) for name in names)
        ledger.learn(known._replace(order_id=f"order-{number}", items=items))
    assert len(carts["cart"]) <= 50_001
    assert isinstance(ledger.ask_confirm(order("order-9"), "same"), Duplicate)
    assert isinstance(ledger.ask_confirm(order("order-10"), "same"), Conflict)
    assert ledger.ask_release(release(), 0).is_refused


def test_what_is_learnt_again_of_a_large_cart_adds_nothing() -> None:
    """As payments and outcomes come, and in the order in which a restart reads them."""
    paid = [order(f"order-{number}") for number in range(2)]
    for number, event in enumerate(paid):
        items = [replace(event.items[0], cart_item_id=f"{number}-{n}") for n in range(20_000)]
        paid[number] = replace(event, items=tuple(items))
    known = outcome(Status.SUCCEEDED, Effect.APPLIED)
    outcomes = [
        known._replace(
            order_id=event.order_id,
            items=tuple(
                ItemVerdict(each.cart_item_id, None, ItemResult.SUCCEEDED) for each in event.items
            ),
        )
        for event in paid
    ]
    live, restored = Ledger(ABANDONMENTS), knowing(*outcomes)
    for event, one in zip(paid, outcomes, strict=True):
        live.learn_payment(event)
        live.learn(one)
        restored.learn_payment(event)
    another = order("another", items="z")
    assert isinstance(live.ask_confirm(another, "x"), Proceed)
    assert live.ask_confirm(another, "x") == restored.ask_confirm(another, "x")


def test_a_record_of_a_topic_that_was_created_anew_frees_no_release() -> None:
    ledger = knowing(UNDECODABLE)
    later = Source(*UNDECODABLE.source[:3], 9_999)
    redriven = outcome(Status.SUCCEEDED, Effect.APPLIED, items="z")._replace(
        origin=later,
        source=Source("rokt-replay", 0, 0, None),
    )
    ledger.learn(redriven)
    assert ledger.ask_release(release(), 0).items == ()


def test_an_unreadable_release_stops_no_release() -> None:
    unreadable = UNDECODABLE._replace(source=Source(ABANDONMENTS, 0, 7, None))
    assert knowing(unreadable).ask_release(release(), 0).items != ()


def test_a_record_is_known_by_its_coordinates_and_its_event() -> None:
    known = outcome(Status.SUCCEEDED, Effect.APPLIED)
    ledger = knowing(known)
    asked = [
        (PAYMENTS, 7, known.outcome_id),
        (PAYMENTS, 7, "of a topic that was recreated"),
        (PAYMENTS, 8, known.outcome_id),
        (ABANDONMENTS, 7, known.outcome_id),
    ]
    assert [ledger.done.has(*one) for one in asked] == [True, False, False, False]


def test_what_is_committed_is_forgotten_and_stays_so() -> None:
    known = outcome(Status.SUCCEEDED, Effect.APPLIED)
    ledger = knowing(known)
    ledger.done.forget(PAYMENTS, 8)
    ledger.learn(known)
    assert not ledger.done.has(PAYMENTS, 7, known.outcome_id)
    assert ledger.done.floors == {PAYMENTS: 8}
