"""The ledger gives the same answers in whatever order, and however often, outcomes are read."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from processor.core.events import AbandonedItem, CartAbandoned, OrderPaid
from processor.core.ledger import Ledger
from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.vocabulary import Effect, Operation, Status
from tests.support.ledger_histories import ITEMS, ORDERS, answers, histories, letters
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release


@given(histories(), st.randoms(use_true_random=False), st.lists(st.integers(0, 7), max_size=4))
def test_neither_the_order_of_outcomes_nor_their_repetition_matters(
    outcomes: list[OutcomeView], random: Random, repeated: list[int]
) -> None:
    again = outcomes + [outcomes[index % len(outcomes)] for index in repeated]
    random.shuffle(again)
    assert answers(_knowing(again)) == answers(_knowing(outcomes))


def _knowing(outcomes: list[OutcomeView]) -> Ledger:
    ledger = Ledger(ABANDONMENTS)
    for outcome in outcomes:
        ledger.learn(outcome)
    return ledger


@given(histories(), st.sampled_from(ORDERS))
def test_a_settled_order_stays_settled_whatever_is_read_besides(
    outcomes: list[OutcomeView], order_id: str
) -> None:
    applied = OutcomeView(
        outcome_id="applied",
        operation=Operation.CONFIRM,
        status=Status.SUCCEEDED,
        effect=Effect.APPLIED,
        reason=None,
        cart_id="cart-a",
        order_id=order_id,
        source=Source(PAYMENTS, 0, 9, None),
        origin=None,
        replay_id=None,
        request_fingerprint="x",
        items=(),
    )
    ledger = Ledger(ABANDONMENTS)
    for outcome in [*outcomes[:4], applied, *outcomes[4:]]:
        ledger.learn(outcome)
    answer = ledger.ask_confirm(order(order_id, "cart-a", ""), "x")
    assert type(answer).__name__ in {"Duplicate", "Conflict"}


@given(histories(), letters)
def test_a_paid_item_is_never_releasable_whatever_is_read_besides(
    outcomes: list[OutcomeView], paid: str
) -> None:
    ledger = Ledger(ABANDONMENTS)
    event: OrderPaid = order("order-9", "cart-a", paid)
    abandoned: CartAbandoned = release("cart-a", ITEMS)
    for index, outcome in enumerate(outcomes):
        if index == len(outcomes) // 2:
            ledger.learn_payment(event)
        ledger.learn(outcome)
    for item in ledger.ask_release(abandoned, 0).items:
        assert item.cart_item_id[-1] not in paid


@given(letters, st.sampled_from(ITEMS))
def test_either_id_tells_that_an_item_is_paid(paid: str, name: str) -> None:
    ledger = Ledger(ABANDONMENTS)
    ledger.learn_payment(order("order-1", "cart-a", paid))
    both_known = release("cart-a", name).items[0]
    by_item: AbandonedItem = replace(both_known, item_reservation_id="another")
    by_reservation: AbandonedItem = replace(both_known, cart_item_id="another")
    for item in (by_item, by_reservation):
        asked = replace(release("cart-a", name), items=(item,))
        assert (ledger.ask_release(asked, 0).items == ()) == (name in paid)
