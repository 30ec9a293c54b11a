"""What would come of a record that is brought back, by what is known of it and asked for."""

from dataclasses import replace
from typing import Final

import pytest

from processor.core.calls import CallShape, confirm_call
from processor.core.events import Content, Undecodable
from processor.core.forecast import Forecast, Forecaster, redriven
from processor.core.ledger import Ledger
from processor.core.outcomes import OutcomeView
from processor.core.records import Record, Source
from processor.core.replays import Guards, Prospect
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release

DAY: Final = 86_400_000
MADE_AT: Final = 100 * DAY
GUARDS: Final = Guards(max_age=30 * 86_400.0, includes_maybe_applied=False, most_redrives=3)
GARBAGE: Final = Undecodable(reason=Reason.UNDECODABLE, detail="garbage")

ORDER: Final = replace(order(), occurred_at=MADE_AT)
RELEASE: Final = replace(release(), occurred_at=MADE_AT)


def settled(effect: Effect, event: str = "order", cart: str = "cart") -> OutcomeView:
    known = order(event, cart)
    return OutcomeView(
        outcome_id="id",
        operation=Operation.CONFIRM,
        status=Status.SUCCEEDED,
        effect=effect,
        reason=None,
        cart_id=cart,
        order_id=event,
        source=Source(PAYMENTS, 0, 7, None),
        origin=None,
        replay_id=None,
        request_fingerprint=confirm_call(known, CallShape(tag_id="any")).fingerprint,
        items=tuple(
            ItemVerdict(
                cart_item_id=item.cart_item_id,
                item_reservation_id=item.item_reservation_id,
                result=ItemResult.SUCCEEDED,
            )
            for item in known.items
        ),
    )


def forecaster(
    *outcomes: OutcomeView, guards: Guards = GUARDS, forgets_before: int | None = None
) -> Forecaster:
    ledger = Ledger(ABANDONMENTS)
    for each in outcomes:
        ledger.learn(each)
    return Forecaster(ledger, guards, MADE_AT, forgets_before)


def record(content: Content, at: int | None = MADE_AT, key: bytes = b"cart") -> Record:
    if not isinstance(content, Undecodable):
        key = getattr(content, "cart_id", "cart").encode()
    return Record(Source(PAYMENTS, 0, 0, at), key, b"value")


def look(by: Forecaster, content: Content, at: int | None = MADE_AT) -> Forecast:
    return by.look(record(content, at), content, MADE_AT)


@pytest.mark.parametrize(
    ("outcomes", "content", "prospect"),
    [
        ((), ORDER, Prospect.CONFIRM),
        ((), RELEASE, Prospect.RELEASE),
        ((), GARBAGE, Prospect.UNDECODABLE),
        ((), replace(ORDER, rokt_session_id=None), Prospect.INVALID),
        ((), replace(RELEASE, rokt_session_id=""), Prospect.INVALID),
        ((settled(Effect.APPLIED),), ORDER, Prospect.SETTLED),
        ((settled(Effect.PARTIALLY_APPLIED),), ORDER, Prospect.SETTLED),
        ((settled(Effect.MAYBE_APPLIED),), ORDER, Prospect.DOUBTFUL),
        ((settled(Effect.NOT_APPLIED),), ORDER, Prospect.CONFIRM),
        ((settled(Effect.APPLIED),), replace(ORDER, attributes={"a": "b"}), Prospect.CONFLICT),
        (
            (settled(Effect.MAYBE_APPLIED),),
            replace(ORDER, attributes={"a": "b"}),
            Prospect.CONFLICT,
        ),
        ((settled(Effect.APPLIED, "another"),), ORDER, Prospect.CONFLICT),
        ((settled(Effect.APPLIED),), RELEASE, Prospect.NOTHING_LEFT),
        ((settled(Effect.NOT_APPLIED),), RELEASE, Prospect.NOTHING_LEFT),
        ((), replace(release(expires_at=MADE_AT), occurred_at=MADE_AT), Prospect.NOTHING_LEFT),
        ((), replace(RELEASE, items=()), Prospect.NOTHING_LEFT),
    ],
)
def test_the_ledger_says_what_would_come_of_a_record(
    outcomes: tuple[OutcomeView, ...], content: Content, prospect: Prospect
) -> None:
    assert look(forecaster(*outcomes), content).prospect is prospect


def test_a_doubtful_order_is_called_again_only_when_somebody_asks_for_it() -> None:
    asked = replace(GUARDS, includes_maybe_applied=True)
    found = look(forecaster(settled(Effect.MAYBE_APPLIED), guards=asked), ORDER)
    assert (found.prospect, found.is_authorised) == (Prospect.CONFIRM, True)
    found = look(forecaster(settled(Effect.APPLIED), guards=asked), ORDER)
    assert (found.prospect, found.is_authorised) == (Prospect.SETTLED, False)


@pytest.mark.parametrize(
    ("occurred", "at", "forgets_before", "is_stale"),
    [
        (MADE_AT - 30 * DAY, MADE_AT, None, False),
        (MADE_AT - 31 * DAY, MADE_AT, None, True),
        (MADE_AT - 31 * DAY, None, None, True),
        (MADE_AT, MADE_AT - 31 * DAY, None, True),
        (MADE_AT + 99 * DAY, MADE_AT - 31 * DAY, None, True),
        (MADE_AT - 5 * DAY, MADE_AT, MADE_AT - 4 * DAY, True),
        (MADE_AT, MADE_AT - 5 * DAY, MADE_AT - 4 * DAY, True),
        (MADE_AT, MADE_AT, MADE_AT - 4 * DAY, False),
        (MADE_AT, None, MADE_AT + 1, True),
    ],
)
def test_old_events_and_those_that_the_ledger_may_have_forgotten_are_stale(
    *, occurred: int, at: int | None, forgets_before: int | None, is_stale: bool
) -> None:
    event = replace(ORDER, occurred_at=occurred)
    found = look(forecaster(forgets_before=forgets_before), event, at)
    assert found.prospect is (Prospect.STALE if is_stale else Prospect.CONFIRM)
    allowed = replace(GUARDS, max_age=None)
    found = look(forecaster(forgets_before=forgets_before, guards=allowed), event, at)
    assert found.prospect is Prospect.CONFIRM


def test_what_is_known_of_an_old_event_goes_before_its_age() -> None:
    old = replace(ORDER, occurred_at=0)
    assert look(forecaster(settled(Effect.APPLIED)), old).prospect is Prospect.SETTLED


@pytest.mark.parametrize(
    ("named", "content"),
    [
        (ORDER, ORDER),
        (ORDER, replace(ORDER, attributes={"a": "b"})),
        (ORDER, replace(order("another"), occurred_at=MADE_AT)),
        (ORDER, RELEASE),
        (RELEASE, RELEASE),
    ],
)
def test_what_an_earlier_record_of_the_replay_names_is_a_repeat(
    named: Content, content: Content
) -> None:
    by = forecaster()
    by.copied(named)
    assert look(by, content).prospect is Prospect.REPEAT


def test_what_is_asked_for_again_is_asked_for_once() -> None:
    asked = replace(GUARDS, includes_maybe_applied=True)
    by = forecaster(settled(Effect.MAYBE_APPLIED), guards=asked)
    assert look(by, ORDER).is_authorised
    by.copied(ORDER)
    again = look(by, ORDER)
    assert (again.prospect, again.is_authorised) == (Prospect.REPEAT, False)
    letter = redriven(again, Effect.MAYBE_APPLIED, 0, asked)
    assert (letter.prospect, letter.is_authorised) == (Prospect.REPEAT, False)


@pytest.mark.parametrize("left_out", [ORDER, GARBAGE])
def test_no_release_goes_out_for_a_payment_that_does_not(left_out: Content) -> None:
    by = forecaster()
    by.left_out(record(left_out), left_out)
    assert look(by, RELEASE).prospect is Prospect.NOTHING_LEFT
    other = replace(release("other", "b"), occurred_at=MADE_AT)
    assert look(by, other).prospect is Prospect.RELEASE
