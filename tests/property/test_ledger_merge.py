"""The ledger gives the same answers in whatever order, and however often, outcomes are read."""

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from processor.core.events import AbandonedItem, CartAbandoned, OrderPaid
from processor.core.ledger import Ledger
from processor.core.meetings import Answer, Releasable
from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Status
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release

CARTS: Final = ("cart-a", "cart-b")
ORDERS: Final = ("order-1", "order-2", "order-3")
ITEMS: Final = "abc"

letters = st.sets(st.sampled_from(ITEMS)).map(lambda names: "".join(sorted(names)))


@dataclass(frozen=True)
class Input:
    """A record; what its outcomes have in common."""

    operation: Operation
    order_id: str
    cart: str
    items: str
    fingerprint: str


inputs = st.lists(
    st.builds(
        Input,
        operation=st.sampled_from(Operation),
        order_id=st.sampled_from(ORDERS),
        cart=st.sampled_from(CARTS),
        items=letters,
        fingerprint=st.sampled_from(["x", "y"]),
    ),
    min_size=1,
    max_size=5,
)


@st.composite
def histories(draw: st.DrawFn) -> list[OutcomeView]:
    """Outcomes of a few records, of some more than one, as takeovers leave them behind."""
    records = draw(inputs)
    outcomes = []
    for _ in range(draw(st.integers(1, 8))):
        offset = draw(st.integers(0, len(records) - 1))
        outcomes.append(_outcome(draw, records[offset], offset))
    return outcomes


def _outcome(draw: st.DrawFn, record: Input, offset: int) -> OutcomeView:
    is_release = record.operation is Operation.RELEASE
    origin = Source(PAYMENTS, 0, draw(st.integers(0, 4)), None)
    return OutcomeView(
        outcome_id=f"id-{offset}",
        operation=record.operation,
        status=draw(st.sampled_from(Status)),
        effect=draw(st.sampled_from(Effect)),
        reason=None,
        cart_id=record.cart,
        order_id=record.order_id if record.operation is Operation.CONFIRM else None,
        source=Source(ABANDONMENTS if is_release else PAYMENTS, 0, offset, None),
        origin=draw(st.none() | st.just(origin)),
        replay_id=None,
        request_fingerprint=record.fingerprint,
        items=tuple(
            ItemVerdict(
                cart_item_id=f"item-{name}",
                item_reservation_id=f"reservation-{name}",
                result=draw(st.sampled_from(ItemResult)),
            )
            for name in record.items
        ),
    )


def answers(outcomes: list[OutcomeView]) -> list[Answer | Releasable | bool]:
    """Everything that can be asked of a ledger that has read these outcomes."""
    ledger = Ledger(ABANDONMENTS)
    for outcome in outcomes:
        ledger.learn(outcome)
    said: list[Answer | Releasable | bool] = []
    for cart in CARTS:
        said += [ledger.ask_release(release(cart, ITEMS), 0)]
        said += [
            ledger.ask_confirm(order(order_id, cart, items), fingerprint, is_authorised=authorised)
            for order_id in ORDERS
            for items in ("", *ITEMS)
            for fingerprint in ("x", "y")
            for authorised in (False, True)
        ]
    said += [ledger.done.has(PAYMENTS, offset, f"id-{offset}") for offset in range(5)]
    return said


@given(histories(), st.randoms(use_true_random=False), st.lists(st.integers(0, 7), max_size=4))
def test_neither_the_order_of_outcomes_nor_their_repetition_matters(
    outcomes: list[OutcomeView], random: Random, repeated: list[int]
) -> None:
    again = outcomes + [outcomes[index % len(outcomes)] for index in repeated]
    random.shuffle(again)
    assert answers(again) == answers(outcomes)


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
