"""Planning: what is done with the record whose turn it is."""

from dataclasses import replace
from typing import Final

import pytest

from processor.core.calls import CallShape, confirm_call, release_call
from processor.core.events import CartAbandoned, Content, OrderPaid, Pending, Undecodable
from processor.core.ledger import Ledger
from processor.core.outcomes import Ending
from processor.core.planning import Attempt, plan
from processor.core.records import Now, Record, Source
from processor.core.vocabulary import Effect, ItemResult, Reason, Status
from processor.core.work import Work
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, given_up, order, release

SHAPE: Final = CallShape(tag_id="tag")
NOW: Final = Now(5.0, 1_000.0)


def work(content: Content, key: bytes = b"cart") -> Work:
    topic = ABANDONMENTS if isinstance(content, CartAbandoned) else PAYMENTS
    return Work(Record(Source(topic, 0, 0, None), key, b""), content, arrival=1)


def end_of(waiting: Work, ledger: Ledger, now: Now = NOW) -> tuple[Status, Effect, Reason | None]:
    ending = plan(waiting, ledger, SHAPE, now)
    assert isinstance(ending, Ending)
    return ending.status, ending.effect, ending.reason


def opened(event: OrderPaid) -> Ledger:
    """A ledger in which the call of this order is planned."""
    ledger = Ledger(ABANDONMENTS)
    ledger.open(event)
    return ledger


def test_what_cannot_be_decoded_ends_with_its_reason() -> None:
    for reason in (Reason.UNDECODABLE, Reason.SCHEMA_REFUSED):
        content = Undecodable(reason=reason, detail="")
        assert end_of(work(content), Ledger(ABANDONMENTS)) == (
            Status.REJECTED,
            Effect.NOT_SENT,
            reason,
        )


def test_what_waits_for_its_schema_has_no_turn() -> None:
    with pytest.raises(AssertionError):
        plan(work(Pending(schema=1)), Ledger(ABANDONMENTS), SHAPE, NOW)


@pytest.mark.parametrize(
    "waiting",
    [work(order(price=-1)), work(order(), key=b"another"), work(release(cart="another"))],
)
def test_an_invalid_event_ends_without_a_call_and_names_its_items(waiting: Work) -> None:
    ending = plan(waiting, Ledger(ABANDONMENTS), SHAPE, NOW)
    assert isinstance(ending, Ending)
    assert (ending.status, ending.reason) == (Status.REJECTED, Reason.INVALID_EVENT)
    assert [item.result for item in ending.items] == [ItemResult.UNKNOWN]


@pytest.mark.parametrize(
    "content", [order(price=-1), Undecodable(reason=Reason.UNDECODABLE, detail="")]
)
def test_what_cannot_be_called_may_have_been_called_before_a_takeover(content: Content) -> None:
    waiting = work(content)
    waiting.is_tainted = True
    status, effect, _ = end_of(waiting, Ledger(ABANDONMENTS))
    assert (status, effect) == (Status.INDETERMINATE, Effect.MAYBE_APPLIED)


def test_an_order_is_called_with_the_same_bytes_in_every_attempt() -> None:
    waiting, ledger = work(order(items="ab")), Ledger(ABANDONMENTS)
    expected = confirm_call(order(items="ab"), SHAPE)
    first = plan(waiting, ledger, SHAPE, NOW)
    assert first == Attempt(expected)
    waiting.call = expected
    assert plan(waiting, ledger, SHAPE, NOW) == first


@pytest.mark.parametrize(
    ("is_tainted", "effect"), [(False, Effect.NOT_SENT), (True, Effect.MAYBE_APPLIED)]
)
def test_a_tainted_conflict_may_have_been_applied(*, is_tainted: bool, effect: Effect) -> None:
    waiting = work(order())
    waiting.is_tainted = is_tainted
    assert end_of(waiting, opened(order(cart="another"))) == (
        Status.CONFLICT,
        effect,
        Reason.CONFLICTING_DUPLICATE,
    )


def test_a_release_without_items_is_skipped() -> None:
    ending = end_of(work(release(items="")), Ledger(ABANDONMENTS))
    assert ending == (Status.SKIPPED, Effect.NOT_SENT, None)


def test_paid_units_are_dropped_from_a_release() -> None:
    ledger = Ledger(ABANDONMENTS)
    ledger.learn_payment(order(items="a"))
    event = release(items="ab")
    assert plan(work(event), ledger, SHAPE, NOW) == Attempt(
        release_call(event, (given_up("b"),), SHAPE)
    )
    assert end_of(work(release(items="a")), ledger) == (Status.SKIPPED, Effect.NOT_SENT, None)


def test_a_release_that_was_refused_for_certain_goes_on_without_what_was_paid_since() -> None:
    ledger, event = Ledger(ABANDONMENTS), release(items="ab")
    waiting = work(event)
    waiting.call = release_call(event, event.items, SHAPE)
    waiting.effect = Effect.NOT_APPLIED
    ledger.learn_payment(order(items="a"))
    assert plan(waiting, ledger, SHAPE, NOW) == Attempt(
        release_call(event, (given_up("b"),), SHAPE)
    )
    ledger.learn_payment(order("order-2", items="b"))
    assert end_of(waiting, ledger) == (Status.SKIPPED, Effect.NOT_APPLIED, None)


def test_a_release_that_may_have_been_applied_is_not_sent_again_with_other_items() -> None:
    ledger, event = Ledger(ABANDONMENTS), release(items="ab")
    waiting = work(event)
    waiting.call = release_call(event, event.items, SHAPE)
    waiting.ambiguous_attempts = 1
    assert plan(waiting, ledger, SHAPE, NOW) == Attempt(waiting.call)
    ledger.learn_payment(order(items="a"))
    assert end_of(waiting, ledger) == (
        Status.INDETERMINATE,
        Effect.MAYBE_APPLIED,
        Reason.INDETERMINATE,
    )


@pytest.mark.parametrize("items", ["a", "ab"])
def test_a_tainted_release_from_which_an_item_must_be_dropped_is_not_sent(items: str) -> None:
    ledger = Ledger(ABANDONMENTS)
    waiting = work(release(items=items))
    waiting.is_tainted = True
    assert isinstance(plan(waiting, ledger, SHAPE, NOW), Attempt)
    ledger.learn_payment(order(items="a"))
    assert end_of(waiting, ledger) == (
        Status.INDETERMINATE,
        Effect.MAYBE_APPLIED,
        Reason.INDETERMINATE,
    )


def test_a_paid_item_is_not_released_again_even_when_the_clock_goes_back() -> None:
    ledger, late = Ledger(ABANDONMENTS), Now(9.0, 2_000.0)
    expires = given_up("a", expires_at=1_500_000)
    event = replace(release(items="ab"), items=(expires, given_up("b")))
    waiting = work(event)
    first = plan(waiting, ledger, SHAPE, late)
    assert first == Attempt(release_call(event, (given_up("b"),), SHAPE))
    waiting.call = first.call
    ledger.learn_payment(order(items="b"))
    assert plan(waiting, ledger, SHAPE, NOW) == Attempt(release_call(event, (expires,), SHAPE))
